#pragma once
// Addresses as rules take them.
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"
#include "base/result.h"
#include "posture/quote.h"
#include "posture/verdict.h"

namespace postern::posture::rules {

inline constexpr Reason kNoAddress{"address_malformed", "what was reported is no address"};

inline Result<std::vector<IpRange>> parse_ranges(std::string_view parameter, const std::vector<std::string>& texts) {
  std::vector<IpRange> ranges;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const auto range = IpRange::parse(texts[i]);
    if (!range) {
      return invalid(fmt::format("{}[{}]: {} is not a range of addresses; write 10.0.1.0/24, 10.0.2.1-10.0.2.9, 10.0.0.7 or "
                                 "the same in IPv6",
                                 parameter, i, posture::quoted(texts[i])));
    }
    ranges.push_back(*range);
  }
  return ranges;
}

inline Result<std::vector<MacAddress>> parse_macs(std::string_view parameter, const std::vector<std::string>& texts) {
  std::vector<MacAddress> macs;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const auto mac = MacAddress::parse(texts[i]);
    if (!mac || !mac->valid()) {
      return invalid(fmt::format("{}[{}]: {} is no hardware address; write it as 02:09:0f:00:01:02", parameter, i,
                                 posture::quoted(texts[i])));
    }
    macs.push_back(*mac);
  }
  return macs;
}

inline bool in_any(const std::vector<IpRange>& ranges, const IpAddress& address) {
  return std::any_of(ranges.begin(), ranges.end(), [&](const IpRange& range) { return range.contains(address); });
}

}  // namespace postern::posture::rules
