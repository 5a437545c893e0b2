#pragma once
// One package of rpm's database: the header that rpm keeps of it, and what a set of them makes.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "vuln/inventory.h"

namespace postern::vuln {

inline constexpr std::size_t kMaxRpmHeaderBytes = 256u << 20;  ///< As rpm itself has it.

struct RpmHeader {
  std::string name;
  std::uint32_t epoch = 0;
  std::string version;
  std::string release;
  std::string arch;        ///< Empty: rpm's own records of keys have none.
  std::string source_rpm;  ///< "openssl-3.0.7-27.el9.src.rpm"; empty where it isn't said.
};

/// A header as rpm exports it: number of entries, bytes of data, entries (tag, type, offset, count), data; all numbers
/// big-endian. Of the entries only those above are read. Pure. Errors: kInvalidArgument (says what is wrong; a header
/// without name, version or release is none).
Result<RpmHeader> parse_rpm_header(std::string_view blob);

/// Versions as advisories have them, "[epoch:]version-release". Keys that rpm keeps as packages (gpg-pubkey) are left
/// out. A source's version has no epoch in its file name: it is that of a package built from it whose version is the
/// source's, else the package's own. Pure; packages are returned sorted. Errors: kInvalidArgument (names the package),
/// kResourceExhausted.
Result<Inventory> inventory_of_rpms(const std::vector<RpmHeader>& headers, Distro distro);

}  // namespace postern::vuln
