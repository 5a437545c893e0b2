#pragma once
// The kernel's connection tracking, by netlink.
#include <functional>
#include <memory>
#include <vector>

#include "base/ip.h"
#include "base/result.h"
#include "gateway/firewall/judge.h"

namespace postern::gateway::firewall {

/// Of the network namespace in which it was opened. Thread: one.
class Conntrack {
 public:
  static Result<std::unique_ptr<Conntrack>> open();
  virtual ~Conntrack() = default;
  /// Forgets the connections that these addresses opened, but for those that `keep` wants. Returns them. Walks
  /// through the kernel's table: milliseconds. Errors: kUnavailable (no connection tracking in this kernel),
  /// kPermissionDenied.
  virtual Result<std::vector<Flow>> forget(const std::vector<IpAddress>& addresses,
                                           const std::function<bool(const Flow&)>& keep) = 0;
};

}  // namespace postern::gateway::firewall
