#include "gateway/firewall/rules.h"

#include <algorithm>
#include <set>
#include <tuple>

#include <fmt/format.h>

#include "base/text.h"
#include "gateway/firewall/lists.h"
#include "gateway/firewall/model.h"

namespace postern::gateway::firewall {
namespace {

using config::Action;
using config::MatchLogic;
using Protocol = config::ServiceConfig::Protocol;

/// Packets of a connection in the direction in which it was opened, or its replies: there source and destination
/// change places.
enum class Direction { kOriginal, kReply };

std::string chain_name(std::uint32_t id, Direction d, std::string_view part = {}) {
  return fmt::format("policy_{}{}{}", id, d == Direction::kReply ? "_reply" : "", part);
}

std::string interface_match(Lists& lists, std::string_view keyword, const std::vector<std::string>& names) {
  if (names.empty()) return {};
  std::set<std::string> items;
  for (const auto& name : names) items.insert('"' + name + '"');
  return fmt::format("{} {} ", keyword, lists("ifname", {items.begin(), items.end()}));
}

std::string ports(Lists& lists, std::string_view protocol, std::string_view side, std::vector<Service::Ports> list) {
  std::sort(list.begin(), list.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<Service::Ports> merged;
  for (const auto& p : list) {
    if (!merged.empty() && p.first <= merged.back().last + 1) {
      merged.back().last = std::max(merged.back().last, p.last);
    } else {
      merged.push_back(p);
    }
  }
  std::vector<std::string> items;
  for (const auto& p : merged) {
    items.push_back(p.first == p.last ? std::to_string(p.first) : fmt::format("{}-{}", p.first, p.last));
  }
  return fmt::format("{} {} {} ", protocol, side, lists("inet_service", items));
}

/// Messages of one ICMP: every type, or some.
struct Messages {
  void add(std::optional<std::uint8_t> type) {
    if (type) {
      types.insert(*type);
    } else {
      all = true;
    }
  }
  void append(std::vector<std::string>& out, std::string_view protocol) const {
    if (all) {
      out.push_back(fmt::format("meta l4proto {} ", protocol));
      return;
    }
    // The type is the first byte of the header: said so, the rule is of no address family.
    for (const auto type : types) out.push_back(fmt::format("meta l4proto {} @th,0,8 {} ", protocol, type));
  }
  bool all = false;
  std::set<unsigned> types;
};

std::string either_icmp(Lists& lists) { return fmt::format("meta l4proto {} ", lists("inet_proto", {"icmp", "ipv6-icmp"})); }

/// One match per kind of service; a packet that fits any of them fits.
std::vector<std::string> service_matches(Lists& lists, const std::vector<Service>& list, std::string_view side) {
  if (list.empty()) return {""};
  std::vector<Service::Ports> tcp, udp;
  Messages icmp, icmp6;
  for (const auto& s : list) {
    tcp.insert(tcp.end(), s.tcp.begin(), s.tcp.end());
    udp.insert(udp.end(), s.udp.begin(), s.udp.end());
    // Replies have other types: that they belong to what was asked, connection tracking knows.
    const auto type = side == "sport" ? std::nullopt : s.icmp_type;
    if (s.protocol == Protocol::kIcmp) icmp.add(type);
    if (s.protocol == Protocol::kIcmp6 || (s.protocol == Protocol::kIcmp && !s.icmp_type)) icmp6.add(type);
  }
  std::vector<std::string> out;
  if (!tcp.empty()) out.push_back(ports(lists, "tcp", side, tcp));
  if (!udp.empty()) out.push_back(ports(lists, "udp", side, udp));
  if (icmp.all && icmp6.all) {
    out.push_back(either_icmp(lists));
  } else {
    icmp.append(out, "icmp");
    icmp6.append(out, "ipv6-icmp");
  }
  return out;
}

/// The dispatching chains of one direction: of connections' own packets, and of error messages about them.
struct Dispatch {
  std::vector<std::string> packets, errors;
};

/// Policies of the same condition and action have the chains that judge it in common: they are called by the first one.
class ConditionChains {
 public:
  std::uint32_t owner(const Policy& p) {
    const auto& c = p.condition;
    return owners_.try_emplace(std::tuple(p.action, c.logic, c.negate, c.tags, c.secondary), p.id).first->second;
  }

 private:
  std::map<std::tuple<Action, MatchLogic, bool, std::vector<std::string>, std::vector<std::string>>, std::uint32_t>
      owners_;
};

/// Rules that lead to the policy's verdict; `owner`: whose chains judge its condition.
void dispatch_rules(std::uint32_t owner, Lists& lists, AddressLists& addresses, Dispatch& out, const Policy& p, Direction d) {
  const bool reply = d == Direction::kReply;
  const bool accepts = p.action == Action::kAccept;
  const std::string links = interface_match(lists, "iifname", reply ? p.to : p.from) +
                            interface_match(lists, "oifname", reply ? p.from : p.to);
  const std::string verdict = !p.condition.tags.empty() ? "jump " + chain_name(owner, d) : accepts ? "accept" : "drop";
  // An error message comes from any router on the way: what lets in can judge only for whom it is. What refuses one
  // service or one pair of hosts must not take from others what they need to find out how large packets may be; and tags
  // are the client's, not the router's.
  const bool refuses_errors = !accepts && p.services.empty() && (reply || p.condition.tags.empty());
  const auto rules = [&](const std::string& whom, const std::string& from, const std::string& to) {
    for (const auto& service : service_matches(lists, p.services, reply ? "sport" : "dport")) {
      out.packets.push_back(links + from + to + service + verdict);
    }
    if (accepts) out.errors.push_back(links + whom + verdict);
    if (refuses_errors) out.errors.push_back(links + from + to + verdict);
  };
  if (p.sources.empty() && p.destinations.empty()) return rules("", "", "");
  for (const auto& family : {kV4, kV6}) {
    const auto from = addresses.match(lists, family, "saddr", reply ? p.destinations : p.sources);
    const auto to = addresses.match(lists, family, "daddr", reply ? p.sources : p.destinations);
    if (!from || !to) continue;
    rules(to->empty() ? fmt::format("meta nfproto {} ", family.name) : *to, *from, *to);
  }
}

struct Membership {
  std::string is_in, is_not_in, known, not_known;  // of one tag in one family
};

std::vector<std::vector<Membership>> memberships(const std::vector<std::string>& tags, Direction d) {
  const std::string_view side = d == Direction::kReply ? "daddr" : "saddr";
  std::vector<std::vector<Membership>> out;  // by tag, then family
  for (const auto& tag : tags) {
    const TagSets sets(tag);
    out.push_back({{fmt::format("ip {} @{} ", side, sets.v4), fmt::format("ip {} != @{} ", side, sets.v4),
                    fmt::format("ip {} @{} ", side, sets.known4), fmt::format("ip {} != @{} ", side, sets.known4)},
                   {fmt::format("ip6 {} @{} ", side, sets.v6), fmt::format("ip6 {} != @{} ", side, sets.v6),
                    fmt::format("ip6 {} @{} ", side, sets.known6), fmt::format("ip6 {} != @{} ", side, sets.known6)}});
  }
  return out;
}

/// Where a group of tags leads: the verdict, or on to the policy's second group.
struct Ways {
  std::string holds, fails;
};

/// A group of the condition's tags, judged for a source that is confirmed. The last rule says what holds for who fell
/// through, unless the chain's end does.
std::vector<std::string> judge(const Policy& p, const std::vector<std::string>& tags, const Ways& ways, Direction d) {
  const bool any = p.condition.logic == MatchLogic::kAny;
  const bool accept = p.action == Action::kAccept;
  const bool negate = p.condition.negate;
  // Whether unknown counts as having the tag: where having it works against the endpoint.
  const bool unknown_has = accept == negate;
  // A hardware address is no proof of who sends, so it never lets in. But whoever sends by that of an endpoint which has the
  // tag is judged as having it, whatever address stands in the packet (docs/adr/0021).
  const bool by_mac = unknown_has && d == Direction::kOriginal;
  std::vector<std::string> out;
  const auto of_tags = memberships(tags, d);
  for (std::size_t i = 0; i < tags.size(); ++i) {
    const auto mac = TagSets(tags[i]).mac;
    if (by_mac && any) out.push_back(fmt::format("ether saddr @{} {}", mac, ways.holds));
    for (const auto& m : of_tags[i]) {
      if (any) {
        out.push_back(m.is_in + ways.holds);
        if (unknown_has) out.push_back(m.not_known + ways.holds);
      } else {
        const auto lacks = (unknown_has ? m.known + m.is_not_in : m.is_not_in) + ways.fails;
        if (by_mac) {
          out.push_back("meta iiftype != ether " + lacks);
          out.push_back(fmt::format("ether saddr != @{} {}", mac, lacks));
        } else {
          out.push_back(lacks);
        }
      }
    }
  }
  out.push_back(any ? ways.fails : ways.holds);
  // The end of a chain returns, too.
  if (out.back() == "return") out.pop_back();
  return out;
}

void append_chain(std::string& out, const std::string& name, const std::vector<std::string>& rules) {
  out += "\tchain " + name + " {\n";
  for (const auto& rule : rules) out += "\t\t" + rule + "\n";
  out += "\t}\n";
}

/// Rules that judge the condition from its first group on; a second group gets a chain of its own.
std::vector<std::string> judge_condition(std::string& out, const Policy& p, Direction d) {
  const std::string verdict = p.action == Action::kAccept ? "accept" : "drop";
  const auto& c = p.condition;
  const Ways last = c.negate ? Ways{"return", verdict} : Ways{verdict, "return"};
  if (c.secondary.empty()) return judge(p, c.tags, last, d);
  const std::string second = chain_name(p.id, d, "_secondary");
  append_chain(out, second, judge(p, c.secondary, last, d));
  return judge(p, c.tags, {"goto " + second, last.fails}, d);
}

void policy_chains(std::string& out, const Policy& p, Direction d) {
  if (p.condition.tags.empty()) return;
  // Whoever can't be confirmed, or is judged by a gateway whose lease ran out: unknown for every tag.
  const std::string_view otherwise = p.action == Action::kAccept ? "return" : "drop";
  std::vector<std::string> rules = {fmt::format("meta nfproto != @alive {}", otherwise)};
  const auto judged = judge_condition(out, p, d);
  if (d == Direction::kReply) {
    // Towards the endpoint; that it is known at all shows in the sets.
    rules.insert(rules.end(), judged.begin(), judged.end());
    append_chain(out, chain_name(p.id, d), rules);
    return;
  }
  const std::string next = chain_name(p.id, d, "_tags");
  append_chain(out, next, judged);
  rules.push_back("ip saddr . ether saddr . iifname @bound goto " + next);
  rules.push_back("ip saddr @routed goto " + next);
  rules.push_back("ip6 saddr . ether saddr . iifname @bound6 goto " + next);
  rules.push_back("ip6 saddr @routed6 goto " + next);
  rules.push_back(std::string(otherwise));
  append_chain(out, chain_name(p.id, d), rules);
}

}  // namespace

TagSets::TagSets(std::string_view dynamic_address) {
  v4 = set_name(dynamic_address);
  v6 = v4 + "/6";
  mac = v4 + "/mac";
  known4 = v4 + "/known";
  known6 = v4 + "/known6";
}

bool judges_absence(const Policy& p) {
  return !p.condition.tags.empty() && (p.action == Action::kDeny) != p.condition.negate;
}

Ruleset render_chains(const std::vector<Policy>& policies) {
  std::string out;
  ConditionChains conditions;
  Lists lists;
  AddressLists addresses;
  Dispatch original, reply;
  for (const auto& p : policies) {
    for (const auto d : {Direction::kOriginal, Direction::kReply}) {
      const std::uint32_t owner = conditions.owner(p);
      if (owner == p.id) policy_chains(out, p, d);
      dispatch_rules(owner, lists, addresses, d == Direction::kOriginal ? original : reply, p, d);
    }
  }
  append_chain(out, "original", original.packets);
  append_chain(out, "original_errors", original.errors);
  append_chain(out, "reply", reply.packets);
  append_chain(out, "reply_errors", reply.errors);
  // Before connection tracking, so that nobody can end or move another's connections by packets in its name.
  append_chain(
      out, "spoofed",
      {"ip saddr . ether saddr . iifname @bound return", "ip6 saddr . ether saddr . iifname @bound6 return", "drop"});
  append_chain(out, "arrival",
               {"type filter hook prerouting priority raw; policy accept;", "ip saddr @held jump spoofed",
                "ip6 saddr @held6 jump spoofed"});
  append_chain(out, "forward",
               {"type filter hook forward priority filter; policy drop;", "ct state invalid drop",
                // Whose source is routed elsewhere is not who it says it is.
                "iifname != @unchecked fib saddr . iif oif missing drop",
                "ct direction original ct state related " + either_icmp(lists) + "jump original_errors",
                "ct direction original jump original",
                "ct direction reply ct state related " + either_icmp(lists) + "jump reply_errors",
                "ct direction reply ct state { established, related } jump reply"});
  const auto listed = lists.count();
  return {std::move(out), lists.take(), listed};
}

}  // namespace postern::gateway::firewall
