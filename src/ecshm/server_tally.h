#pragma once
// How often a worker turned to a real server: counted in the worker without locks, told to the gateway once a second.
#include <cstdint>

namespace postern::ecshm {

/// Of one worker since it began, so that what is lost on the way is told again.
struct ServerTally {
  std::uint32_t number = 0;    ///< As in server_health.h.
  std::uint32_t in_use = 0;    ///< Requests that it has now.
  std::uint64_t requests = 0;  ///< Attempts: one that another server took over counts at both.
  std::uint64_t failures = 0;  ///< It could not be reached, or broke off before it answered.
  friend bool operator==(const ServerTally&, const ServerTally&) = default;
};

}  // namespace postern::ecshm
