#pragma once
// Lists that policies share: each different one of more than one item is a set of its own, named by what it holds. Pure.
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "gateway/firewall/policy.h"

namespace postern::gateway::firewall {

/// What nftables calls an address family.
struct Family {
  std::string_view name;    ///< After `meta nfproto`.
  std::string_view header;  ///< In front of `saddr` and `daddr`.
  std::string_view type;    ///< Of a set's elements.
};
inline constexpr Family kV4 = {"ipv4", "ip", "ipv4_addr"};
inline constexpr Family kV6 = {"ipv6", "ip6", "ipv6_addr"};

/// Collects what Ruleset::lists is.
class Lists {
 public:
  /// What a match compares with: the only item, or the set of them. `type` as nftables calls it.
  std::string operator()(std::string_view type, const std::vector<std::string>& items);
  std::map<std::string, std::string> take() { return std::move(made_); }
  std::size_t count() const { return count_; }  ///< Items of all of them.

 private:
  std::map<std::string, std::string> made_;
  std::size_t count_ = 0;
};

/// Lists of addresses: policies have the same groups, and to sort and write down a large one takes milliseconds.
class AddressLists {
 public:
  /// `ranges` stay where they are. The match of one side of a packet: empty for any address, nullopt: no packet of this
  /// family fits.
  std::optional<std::string> match(Lists& lists, const Family& family, std::string_view side,
                                   const std::vector<AddressRange>& ranges);

 private:
  struct Known {
    std::string_view family;
    const std::vector<AddressRange>* ranges;
    std::optional<std::string> operand;
  };
  std::unordered_map<std::size_t, std::vector<Known>> known_;
};

}  // namespace postern::gateway::firewall
