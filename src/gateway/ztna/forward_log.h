#pragma once
// Routed connections that the firewall ended, as lines of the traffic log. Pure.
#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ip.h"
#include "policy/reason.h"

namespace postern::gateway {

/// One connection, or how many more one change ended for one reason. Empty texts: not known.
struct ForwardCut {
  WallTime time{};
  policy::Reason reason = policy::Reason::kNone;
  std::string detail;
  std::uint32_t policy = 0;  ///< 0: not known.
  std::string policy_name;
  IpAddress source, destination;
  std::uint16_t source_port = 0, destination_port = 0;
  std::uint8_t protocol = 0;  ///< IPPROTO_TCP, ...
  std::string endpoint_uid, host_name, ems_serial;
  std::vector<std::string> tags;  ///< Forbidden, missing or unknown ones.
  std::uint64_t count = 1;        ///< Without a source: so many, of which nothing but the reason is said.
};

/// Without its end.
std::string forward_line(const ForwardCut& cut);

}  // namespace postern::gateway
