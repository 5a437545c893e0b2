#pragma once
// Where an API gateway of service tcp-forwarding leads: what nginx tells the forwarder of each request, so that the
// forwarder needs no configuration of its own.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"
#include "base/result.h"

namespace postern::gateway {

/// The header that carries them, set by nginx alone: whatever a client sends under x-postern- is taken out before.
inline constexpr std::string_view kDestinationsHeader = "X-Postern-Destinations";
/// Likewise, of whose client's connections it is one: SHA-256 of its certificate; none: it has shown none that verified.
inline constexpr std::string_view kEndpointHeader = "X-Postern-Endpoint";
/// Longest value of the first, for nginx and the forwarder.
inline constexpr std::size_t kMaxDestinationsText = 8u << 10;

struct ForwardDestination {
  struct Ports {
    std::uint16_t first = 0, last = 0;
    friend bool operator==(const Ports&, const Ports&) = default;
  };
  std::string name;              ///< Lower case; empty: by address.
  std::optional<IpRange> range;  ///< Set if `name` is empty.
  std::vector<Ports> ports;      ///< 1..65535.
  friend bool operator==(const ForwardDestination& a, const ForwardDestination& b) {
    const bool range = a.range && b.range ? a.range->first == b.range->first && a.range->last == b.range->last : !a.range && !b.range;
    return range && a.name == b.name && a.ports == b.ports;
  }
};

/// "10.0.0.5 22 5432-5440;10.0.0.16-10.0.0.31 22;db.example 5432". Nothing in it is special to nginx.
std::string print_destinations(const std::vector<ForwardDestination>& destinations);
/// Error: kInvalidArgument.
Result<std::vector<ForwardDestination>> parse_destinations(std::string_view text);

/// A name stands for itself only: whoever may reach an address by its number may not by a name, nor the other way round.
bool leads_to(const std::vector<ForwardDestination>& destinations, std::string_view host, std::uint16_t port);
/// Is it there as one address, and not only in a range of several?
bool named_singly(const std::vector<ForwardDestination>& destinations, const IpAddress& address);

/// 1 to 253 letters, digits, hyphens and dots, as a host is called in DNS; in lower case.
bool host_name_sound(std::string_view name);

}  // namespace postern::gateway
