#pragma once
// Few ranges that cover many addresses. Pure.
#include <cstddef>
#include <vector>

#include "gateway/firewall/policy.h"

namespace postern::gateway::firewall {

/// At most `most` (one at least) ranges, in order and apart from one another, that cover all of these addresses of one
/// family: exactly these where so many ranges are enough, else with the smallest gaps between them.
std::vector<AddressRange> cover(std::vector<IpAddress> addresses, std::size_t most);

}  // namespace postern::gateway::firewall
