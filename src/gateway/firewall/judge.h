#pragma once
// The policies' verdict on one connection, read from the policies and not from the chains: tells which tracked
// connections are worth keeping when an endpoint changes. Pure; thread: any.
#include <cstdint>
#include <vector>

#include "gateway/firewall/model.h"
#include "gateway/firewall/policy.h"

namespace postern::gateway::firewall {

/// A connection as it was opened; where the host translates addresses, as the forward chain sees it: from whom it came, to
/// whom it goes.
struct Flow {
  IpAddress source, destination;
  std::uint8_t protocol = 0;  ///< IPPROTO_TCP, ...
  std::uint16_t port = 0;     ///< The destination's; 0 where there are none.
  std::uint16_t source_port = 0;
  bool over = false;  ///< Both ends have closed it; it is tracked a while longer.
};

struct Verdict {
  bool accept = false;
  std::uint32_t policy = 0;  ///< 0: none takes it.
};
/// Would the connection be forwarded now, interfaces and the lease aside? `source` is the resolved address that opened
/// it, or nullptr: unknown for every tag.
Verdict judge(const std::vector<Policy>& policies, const AddressEntry* source, const Flow& flow);
/// Is the policy about such connections, whatever tags say?
bool about(const Policy& policy, const Flow& flow);
bool accepts(const std::vector<Policy>& policies, const AddressEntry* source, const Flow& flow);

}  // namespace postern::gateway::firewall
