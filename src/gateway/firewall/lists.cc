#include "gateway/firewall/lists.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/hex.h"
#include "base/sha256.h"
#include "base/text.h"

namespace postern::gateway::firewall {
namespace {

/// What a packet's address is compared with; nullopt: nothing of `ranges` is in the family.
std::optional<std::string> operand(Lists& lists, const Family& family, const std::vector<AddressRange>& ranges) {
  // Overlapping intervals are refused by the kernel: put together what touches.
  std::vector<AddressRange> sorted;
  for (const auto& r : ranges) {
    if (r.first.is_v4() == (family.name == kV4.name)) sorted.push_back(r);
  }
  if (sorted.empty()) return std::nullopt;
  std::sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<AddressRange> merged;
  for (const auto& r : sorted) {
    if (!merged.empty() && r.first <= merged.back().last) {
      merged.back().last = std::max(merged.back().last, r.last);
    } else {
      merged.push_back(r);
    }
  }
  std::vector<std::string> items;
  for (const auto& r : merged) {
    items.push_back(r.first == r.last ? r.first.str() : r.first.str() + "-" + r.last.str());
  }
  return lists(family.type, items);
}

}  // namespace

std::string Lists::operator()(std::string_view type, const std::vector<std::string>& items) {
  if (items.size() == 1) return items.front();
  const bool ranges = type != "ifname" && type != "inet_proto";
  std::string body =
      fmt::format("type {};{} elements = {{ {} }};", type, ranges ? " flags interval;" : "", join(items, ", "));
  std::string name = "list/" + to_hex_lower(sha256(body)).substr(0, 32);
  const std::string match = '@' + name;
  if (made_.emplace(std::move(name), std::move(body)).second) count_ += items.size();
  return match;
}

std::optional<std::string> AddressLists::match(Lists& lists, const Family& family, std::string_view side,
                                               const std::vector<AddressRange>& ranges) {
  if (ranges.empty()) return "";
  std::size_t hash = family.name.size() + family.header.size();
  for (const auto& r : ranges) hash = hash * 31 + std::hash<IpAddress>()(r.first) * 7 + std::hash<IpAddress>()(r.last);
  auto& same = known_[hash];
  auto it = std::find_if(same.begin(), same.end(),
                         [&](const Known& k) { return k.family == family.name && *k.ranges == ranges; });
  if (it == same.end()) it = same.insert(it, {family.name, &ranges, operand(lists, family, ranges)});
  if (!it->operand) return std::nullopt;
  return fmt::format("{} {} {} ", family.header, side, *it->operand);
}

}  // namespace postern::gateway::firewall
