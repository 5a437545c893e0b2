#pragma once
// A fact: one thing that is known of an endpoint, or why it isn't. Agents report facts, the EMS adds its own
// (registration, vulnerability counts); only rules read them.
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/ip.h"
#include "base/sha256.h"

namespace postern::posture {

enum class UnknownReason : std::uint8_t {
  kUnsupported,  ///< This system has no such thing.
  kDenied,       ///< The agent may not read it.
  kStale,        ///< It was known, too long ago; or it may have changed since, and could not be read.
  kFailed,       ///< Reading it went wrong.
};
std::string_view unknown_reason_name(UnknownReason reason);  ///< "unsupported", "denied", "stale", "failed".

struct Unknown {
  UnknownReason reason = UnknownReason::kUnsupported;
  friend bool operator==(const Unknown&, const Unknown&) = default;
};

struct Interface {
  std::string name;
  MacAddress mac;                    ///< Not valid when the link has none.
  std::vector<IpAddress> addresses;  ///< As the kernel lists them.
  bool up = false;                   ///< Administratively up and with carrier.
  friend bool operator==(const Interface&, const Interface&) = default;
};

/// A default route.
struct Route {
  std::string interface;
  IpAddress gateway_ip;
  MacAddress gateway_mac;  ///< Not valid when the neighbour table has none.
  IpAddress local_ip;      ///< The address this route sends from.
  bool vpn = false;
  std::uint32_t metric = 0;
  friend bool operator==(const Route&, const Route&) = default;
};

/// Whether the authorities that an endpoint trusts vouch for a certificate.
enum class ChainTrust : std::uint8_t {
  kUnknown,    ///< Not told (by older agents), or the authorities could not be read.
  kUntrusted,
  kTrusted,    ///< A chain leads to one of them, and was good when the fact was collected.
};

inline constexpr std::size_t kMaxCertificateUsages = 16;

/// A certificate in one of the endpoint's stores. Names are the common names; empty where a certificate has none.
struct Certificate {
  std::string subject;
  std::string issuer;
  Sha256 sha256{};     ///< Of the DER.
  std::string store;   ///< "system", or whose it is: "machine", "user alice".
  WallTime not_before{};
  WallTime not_after{};
  bool ca = false;
  bool client_auth = false;      ///< May prove a client: its extended key usage says so, or it has none.
  bool has_private_key = false;  ///< The endpoint holds its key (proved by using it, not by a file's name).
  ChainTrust trust = ChainTrust::kUnknown;
  /// The extended key usages that it names, as dotted OIDs, kMaxCertificateUsages at most. Nothing: not told.
  std::optional<std::vector<std::string>> usages;
  friend bool operator==(const Certificate&, const Certificate&) = default;
};

/// Distinct CVEs open on an endpoint, by effective severity (docs: src/vuln).
struct VulnerabilityCounts {
  std::uint32_t critical = 0, high = 0, medium = 0, low = 0, info = 0;
  std::uint32_t unknown = 0;          ///< No source gives a severity.
  std::uint32_t unknown_fixable = 0;  ///< Of those, with a fix available: makes `vulnerable-devices` unknown.
  friend bool operator==(const VulnerabilityCounts&, const VulnerabilityCounts&) = default;
};

using FactValue = std::variant<Unknown, bool, std::int64_t, std::string, std::vector<std::string>,
                               std::vector<Interface>, std::vector<Route>, VulnerabilityCounts, std::vector<Certificate>>;

struct Fact {
  FactValue value;
  WallTime collected_at{};
  std::string source;  ///< Where it was read: "/etc/os-release", "rtnetlink", "ems"; of an unknown one see unknown_source.h.

  bool known() const { return !std::holds_alternative<Unknown>(value); }
  template <class T>
  const T* as() const {
    return std::get_if<T>(&value);
  }
  friend bool operator==(const Fact&, const Fact&) = default;
};

/// All facts of one endpoint by key. A key that is absent was never reported: rules treat it as Unknown.
using FactMap = std::map<std::string, Fact, std::less<>>;

/// The value of a fact that is known and of type `T`; null for any other. Valid as long as the map isn't changed.
template <class T>
const T* known(const FactMap& facts, std::string_view key) {
  const auto it = facts.find(key);
  return it == facts.end() ? nullptr : it->second.as<T>();
}

}  // namespace postern::posture
