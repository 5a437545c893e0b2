#pragma once
// Names of hosts to addresses, off the loop: a look-up may take as long as a name server is silent, and can't be ended. So
// each has a thread, there are only so many at once, and who asks for a name that is looked up already waits for that.
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/ip.h"
#include "base/result.h"
#include "net/loop.h"

namespace postern::net {

/// Blocking, called on threads of its own, maybe several at once. IPv4-mapped addresses are IPv4. Errors: kNotFound (there
/// is no such name), kUnavailable (nobody told).
using HostLookup = std::function<Result<std::vector<IpAddress>>(const std::string& name)>;
/// As this machine is set up (getaddrinfo), in the order to try them, at most 16.
Result<std::vector<IpAddress>> system_lookup(const std::string& name);

struct NameLookupLimits {
  std::size_t at_once = 32;                       ///< Look-ups; further names wait for their turn.
  std::size_t waiting_names = 1024;               ///< Names that wait for their turn.
  std::size_t waiting_for_one = 256;              ///< Who wait for one name.
  std::chrono::milliseconds limit{8'000};         ///< Of a look-up, its turn included.
  std::chrono::milliseconds keep_failures{3'000}; ///< So long a name that was not found isn't looked up again.
};

/// Thread: loop.
class NameLookup {
 public:
  using Done = std::function<void(const Result<std::vector<IpAddress>>&)>;
  virtual ~NameLookup() = default;  ///< Nobody hears any more. Does not wait for look-ups that run.
  /// `done` hears once, never inside this call: what `HostLookup` says, kDeadlineExceeded (it took too long, also for those
  /// who asked first), kResourceExhausted (too many wait). Dropping the handle: it doesn't hear. It does not destroy this.
  [[nodiscard]] virtual Handle find(const std::string& name, Done done) = 0;
  static std::unique_ptr<NameLookup> create(Loop& loop, HostLookup lookup, NameLookupLimits limits = {});
};

}  // namespace postern::net
