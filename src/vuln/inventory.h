#pragma once
// What is installed on an endpoint, as a text that is the same for the same set of packages: the
// agent makes it, its SHA-256 names it, and the EMS stores and matches each distinct inventory
// once.
//
//   postern-inventory 1
//   distro debian 12
//   adduser all 3.134 adduser 3.134
//   libc6 amd64 2.36-9+deb12u10 glibc 2.36-9+deb12u10
//
// Every line ends with LF and has single spaces between fields: name, architecture, version,
// source, source version. Lines ascend bytewise and no (name, architecture, version) comes twice: rpm
// keeps several kernels side by side. A distribution without version has "-".
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/sha256.h"

namespace postern::vuln {

inline constexpr std::size_t kMaxInventoryBytes = 32u << 20;
inline constexpr std::size_t kMaxInventoryPackages = 200'000;
inline constexpr std::size_t kMaxInventoryField = 256;  ///< Bytes of any one field.
/// Versions of one source installed at once, far over what kernels and architectures side by side
/// make: each is compared with all that is known of the source.
inline constexpr std::size_t kMaxVersionsOfSource = 256;

/// os-release's ID and VERSION_ID: {"debian", "12"}. `version` is empty where there is none
/// (testing, unstable).
struct Distro {
  std::string id;
  std::string version;
  friend bool operator==(const Distro&, const Distro&) = default;
};

/// The OSV ecosystem whose advisories apply, such as "Debian:12"; empty when there is none that can be judged here
/// (ecosystem.h says which can).
std::string ecosystem_of(const Distro& distro);

/// ID and VERSION_ID of an os-release text, quotes removed. Errors: kInvalidArgument (no ID, or one
/// that cannot stand in an inventory).
Result<Distro> parse_os_release(std::string_view text);

/// One installed binary package. All fields are 1..kMaxInventoryField printable ASCII bytes without
/// spaces.
struct Package {
  std::string name;
  std::string arch;
  std::string version;
  std::string source;
  std::string source_version;
  friend auto operator<=>(const Package&, const Package&) = default;
};

struct Inventory {
  Distro distro;
  std::vector<Package> packages;
  friend bool operator==(const Inventory&, const Inventory&) = default;
};

/// Whether a text can be a field: 1..kMaxInventoryField printable ASCII bytes without spaces.
bool valid_inventory_field(std::string_view text);

/// What a reader of `database` found, sorted. Errors: kInvalidArgument (no package at all: it is empty or damaged; one
/// twice).
Result<Inventory> checked_inventory(Inventory inventory, std::string_view database);

/// The canonical text; packages may come in any order. Errors: kInvalidArgument (no package at all,
/// a field that the format cannot carry, or one (name, architecture, version) twice; names the package),
/// kResourceExhausted (more than the limits above).
Result<std::string> inventory_text(Inventory inventory);

/// Strict: accepts exactly what inventory_text writes, so that one set of packages has one hash.
/// Errors: kInvalidArgument (names the line), kResourceExhausted.
Result<Inventory> parse_inventory(std::string_view text);

/// The identity of an inventory: SHA-256 over its text.
inline Sha256 inventory_hash(std::string_view text) { return sha256(text); }

}  // namespace postern::vuln
