#pragma once
// The kernel's connection tracking, by netlink.
#include <memory>
#include <vector>

#include "base/ip.h"
#include "base/result.h"

namespace postern::gateway::firewall {

/// Of the network namespace in which it was opened. Thread: one.
class Conntrack {
 public:
  static Result<std::unique_ptr<Conntrack>> open();
  virtual ~Conntrack() = default;
  /// Forgets every connection that one of these addresses opened or was opened to. Returns how many.
  /// Errors: kUnavailable (no connection tracking in this kernel), kPermissionDenied.
  virtual Result<std::size_t> forget(const std::vector<IpAddress>& addresses) = 0;
};

}  // namespace postern::gateway::firewall
