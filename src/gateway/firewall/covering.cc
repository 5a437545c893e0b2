#include "gateway/firewall/covering.h"

#include <algorithm>
#include <functional>

namespace postern::gateway::firewall {
namespace {

__extension__ using Number = unsigned __int128;

Number number_of(const IpAddress& ip) {
  Number out = 0;
  const std::size_t size = ip.is_v4() ? 4 : 16;
  for (std::size_t i = 0; i < size; ++i) out = out << 8 | ip.bytes()[i];
  return out;
}

}  // namespace

std::vector<AddressRange> cover(std::vector<IpAddress> addresses, std::size_t most) {
  std::sort(addresses.begin(), addresses.end());
  std::vector<Number> gaps;  // in front of each address but the first: how many others lie between; none: they touch
  for (std::size_t i = 1; i < addresses.size(); ++i) {
    const auto step = number_of(addresses[i]) - number_of(addresses[i - 1]);
    if (step > 1) gaps.push_back(step);
  }
  // Only the largest gaps stay open.
  const std::size_t open = std::min(gaps.size(), std::max<std::size_t>(most, 1) - 1);
  std::nth_element(gaps.begin(), gaps.begin() + static_cast<std::ptrdiff_t>(open), gaps.end(), std::greater<>());
  gaps.resize(open);
  std::sort(gaps.begin(), gaps.end(), std::greater<>());
  const Number smallest = gaps.empty() ? 0 : gaps.back();
  std::size_t of_smallest = static_cast<std::size_t>(std::count(gaps.begin(), gaps.end(), smallest));
  std::vector<AddressRange> out;
  for (const auto& ip : addresses) {
    if (!out.empty()) {
      const auto step = number_of(ip) - number_of(out.back().last);
      const bool parts = !gaps.empty() && (step > smallest || (step == smallest && of_smallest > 0));
      if (!parts) {
        out.back().last = ip;
        continue;
      }
      if (step == smallest) --of_smallest;
    }
    out.push_back({ip, ip});
  }
  return out;
}

}  // namespace postern::gateway::firewall
