#pragma once
// ZTNA destinations of an endpoint profile: what agents listen for on loopback, and by which gateway it is reached.
//   {"destinations":[{"name":"build-host","host":"10.0.3.11","port":22,"gateway":"gw.example:443","path":"/tcp",
//                     "ca":"","fingerprint":"","listen":"127.0.0.1:0"}]}
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"
#include "base/result.h"
#include "base/sha256.h"

namespace postern::proto {

struct ZtnaDestination {
  std::string name;          ///< 1..63 letters, digits, dots, hyphens, underscores; of one profile each but once.
  std::string host;          ///< As the gateway has it configured: a name or an address.
  std::uint16_t port = 0;
  std::string gateway;       ///< The access proxy: "host:port", "[v6]:port".
  std::string path = "/";    ///< Of its api-gateway.
  std::string ca_pem;        ///< Who vouches for the gateway's certificate; empty: the CAs of the endpoint.
  std::optional<Sha256> fingerprint;  ///< Of the gateway's certificate itself; then neither CA nor name count.
  IpAddress listen = IpAddress::v4({127, 0, 0, 1});  ///< A loopback address.
  std::uint16_t listen_port = 0;      ///< 0: the agent chooses, the same each time as long as it is free.
  friend bool operator==(const ZtnaDestination&, const ZtnaDestination&) = default;
};

inline constexpr std::size_t kMaxDestinations = 64;
inline constexpr std::size_t kMaxDestinationsJson = 256u << 10;

/// Strict. Of each destination `name`, `host`, `port` and `gateway` are needed. Errors: kInvalidArgument naming the
/// destination, the field and what is allowed; kResourceExhausted when larger than kMaxDestinationsJson, also
/// as print_ztna_destinations writes it.
Result<std::vector<ZtnaDestination>> parse_ztna_destinations(std::string_view json);
/// One line, whole; parse_ztna_destinations(print_ztna_destinations(x)) == x.
std::string print_ztna_destinations(const std::vector<ZtnaDestination>& destinations);

/// One of them, an object as above. Errors: kInvalidArgument that begins with the field.
Result<ZtnaDestination> parse_ztna_destination(std::string_view json);
std::string print_ztna_destination(const ZtnaDestination& destination);
/// Whether one profile may have all of them. Errors: kConflict naming the two that have the same name or listen at the same
/// place; kResourceExhausted when they are too many, or too large as print_ztna_destinations writes them.
Status check_ztna_destinations(const std::vector<ZtnaDestination>& destinations);

}  // namespace postern::proto
