// Changes that are too large for one transaction.
#include "gateway/firewall/model.h"

#include <utility>

#include <fmt/format.h>

#include "base/text.h"
#include "gateway/firewall/covering.h"
#include "gateway/firewall/pieces.h"

namespace postern::gateway::firewall {
namespace {

using References = std::vector<std::pair<const std::string*, const std::string*>>;  // set, element; kept elsewhere

}  // namespace

/// What closes by itself comes first and goes last; in between, address by address, from the old to the new. Where the rules
/// change as well, no address may meet the new ones with something of its old state: whoever changes is unknown meanwhile.
void FirewallModel::put_in_pieces(Change& change, const Difference& diff, const Elements& before,
                                  const std::string& new_sets, const std::string& rules) {
  using Kind = Subject::Kind;
  const bool switched = !new_sets.empty() || !rules.empty();
  struct Moves {  // of one address
    References gone, added;
    bool of_old_set = false;
  };
  std::map<std::string_view, Moves> by_address;
  Pieces pieces(table_, piece_);
  const auto closing = [&](const std::string& set, const std::string& element, bool added) {
    const auto kind = subject_of(set, element).kind;
    return (kind == Kind::kMac && added) || (kind == Kind::kInterface && !added);
  };
  const auto others = [&](bool first) {
    for (const auto& [set, elements] : diff) {
      if (first && !applied_sets_.contains(set)) continue;  // not there yet
      for (const bool added : {false, true}) {
        for (const auto& element : added ? elements.second : elements.first) {
          if (subject_of(set, element).kind == Kind::kAddress || closing(set, element, added) != first) continue;
          added ? pieces.add(set, element) : pieces.remove(set, element);
          pieces.end_group();
        }
      }
    }
    pieces.cut();
  };
  for (const auto& [set, elements] : diff) {
    const bool is_old = applied_sets_.contains(set);
    for (const bool added : {false, true}) {
      for (const auto& element : added ? elements.second : elements.first) {
        const auto subject = subject_of(set, element);
        if (subject.kind != Kind::kAddress) continue;
        auto& of = by_address[subject.address];
        (added ? of.added : of.gone).emplace_back(&set, &element);
        of.of_old_set = of.of_old_set || is_old;
      }
    }
  }
  others(true);
  if (!switched) {
    for (const auto& [address, of] : by_address) {
      for (const auto& [set, element] : of.gone) pieces.remove(*set, *element);
      for (const auto& [set, element] : of.added) pieces.add(*set, *element);
      pieces.end_group();
    }
    pieces.cut();
    others(false);
    change.more = pieces.take();
    return;
  }
  // Everything of theirs goes, but for what holds the address to its owner.
  std::map<std::string_view, References> back;
  const auto changes = [&](std::string_view address) {
    const auto it = by_address.find(address);
    return it != by_address.end() && it->second.of_old_set;
  };
  const auto holds = [](const std::string& set) { return set == "held" || set == "held6"; };
  std::map<std::string_view, References> there;
  for (const auto& [set, elements] : before) {
    for (const auto& element : elements) {
      const auto subject = subject_of(set, element);
      if (subject.kind == Kind::kAddress && !holds(set) && changes(subject.address)) {
        there[subject.address].emplace_back(&set, &element);
      }
    }
  }
  for (const auto& [address, list] : there) {
    for (const auto& [set, element] : list) {
      pieces.remove(*set, *element);
      const auto stays = applied_.find(*set);
      if (stays != applied_.end() && stays->second.contains(*element)) back[address].emplace_back(set, element);
    }
    pieces.end_group();
  }
  pieces.cut();
  pieces.put(new_sets);
  for (const auto& [set, elements] : diff) {  // nothing asks them yet
    if (applied_sets_.contains(set)) continue;
    for (const auto& element : elements.second) {
      const auto subject = subject_of(set, element);
      if (subject.kind == Kind::kAddress && changes(subject.address)) continue;
      if (subject.kind == Kind::kInterface) continue;
      pieces.add(set, element);
      pieces.end_group();
    }
  }
  pieces.cut();
  pieces.put(rules);
  change.structure_behind = pieces.done();
  for (const auto& [address, of] : by_address) {
    if (!of.of_old_set) continue;
    for (const auto& [set, element] : of.gone) {
      if (holds(*set)) pieces.remove(*set, *element);
    }
    for (const auto& [set, element] : of.added) pieces.add(*set, *element);
    for (const auto& [set, element] : back[address]) pieces.add(*set, *element);
    pieces.end_group();
  }
  pieces.cut();
  others(false);
  change.more = pieces.take();
}

std::string FirewallModel::guard_end() const { return fmt::format("add table inet {0}\ndelete table inet {0}\n", guard_); }

/// A table beside ours: while a table gives way to another of its name, the kernel takes a packet through chains of both, and
/// may find the rules of neither. Afterwards it stands in for places that aren't filled yet.
std::string FirewallModel::guard() const {
  std::vector<IpAddress> v4, v6;
  for (const auto& [ip, entry] : addresses_) {
    const auto held = wanted_.find(ip.is_v4() ? "held" : "held6");
    if (held != wanted_.end() && held->second.contains(ip.str())) (ip.is_v4() ? v4 : v6).push_back(ip);
  }
  if (v4.empty() && v6.empty()) return guard_end();
  const auto set = [&](std::string_view name, std::string_view type, std::vector<IpAddress> addresses) {
    std::vector<std::string> ranges;
    for (const auto& r : cover(std::move(addresses), piece_ / 2)) {
      ranges.push_back(r.first == r.last ? r.first.str() : fmt::format("{}-{}", r.first.str(), r.last.str()));
    }
    const auto elements = ranges.empty() ? "" : fmt::format(" elements = {{ {} }};", join(ranges, ", "));
    return fmt::format("\tset {} {{ type {}; flags interval;{} }}\n", name, type, elements);
  };
  return guard_end() + "table inet " + guard_ + " {\n" + set("guarded", "ipv4_addr", std::move(v4)) +
         set("guarded6", "ipv6_addr", std::move(v6)) +
         "\tchain arrival {\n\t\ttype filter hook prerouting priority raw; policy accept;\n"
         "\t\tip saddr @guarded drop\n\t\tip6 saddr @guarded6 drop\n\t}\n}\n";
}

/// Whoever isn't in yet is unknown. What only closes comes first; of addresses first what holds them to their owners.
void FirewallModel::fill_in_pieces(Change& change) const {
  using Kind = Subject::Kind;
  Pieces pieces(table_, piece_);
  std::map<std::string_view, References> places, tags;
  for (const auto& [set, elements] : applied_) {
    const bool place = set.starts_with("bound") || set.starts_with("held") || set.starts_with("routed");
    for (const auto& element : elements) {
      const auto subject = subject_of(set, element);
      if (subject.kind == Kind::kAddress) (place ? places : tags)[subject.address].emplace_back(&set, &element);
      if (subject.kind != Kind::kMac) continue;
      pieces.add(set, element);
      pieces.end_group();
    }
  }
  const auto fill = [&](const std::map<std::string_view, References>& part) {
    pieces.cut();
    for (const auto& [address, list] : part) {
      for (const auto& [set, element] : list) pieces.add(*set, *element);
      pieces.end_group();
    }
    pieces.cut();
  };
  fill(places);
  pieces.put(guard_end());
  fill(tags);
  change.more = pieces.take();
}

}  // namespace postern::gateway::firewall
