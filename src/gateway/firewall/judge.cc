#include "gateway/firewall/judge.h"

#include <netinet/in.h>

#include <algorithm>

namespace postern::gateway::firewall {
namespace {

using config::Action;
using config::MatchLogic;
using Protocol = config::ServiceConfig::Protocol;

bool in_ranges(const std::vector<AddressRange>& ranges, const IpAddress& ip) {
  return ranges.empty() || std::any_of(ranges.begin(), ranges.end(), [&](const AddressRange& r) {
    return r.first.is_v4() == ip.is_v4() && r.first <= ip && ip <= r.last;
  });
}

bool serves(const Service& s, const Flow& flow) {
  const auto in = [&](const std::vector<Service::Ports>& ports) {
    return std::any_of(ports.begin(), ports.end(),
                       [&](const auto& p) { return p.first <= flow.port && flow.port <= p.last; });
  };
  switch (s.protocol) {
    case Protocol::kAny: return true;
    case Protocol::kIcmp: return flow.protocol == IPPROTO_ICMP || (!s.icmp_type && flow.protocol == IPPROTO_ICMPV6);
    case Protocol::kIcmp6: return flow.protocol == IPPROTO_ICMPV6;
    case Protocol::kTcpUdp:
      return flow.protocol == IPPROTO_TCP ? in(s.tcp) : flow.protocol == IPPROTO_UDP && in(s.udp);
  }
  return false;
}

enum class Has { kYes, kNo, kUnknown };

bool condition_holds(const Policy& p, const AddressEntry* source) {
  if (p.condition.tags.empty()) return true;
  // What is unknown counts against the endpoint: as missing where a tag is demanded, as present where it is forbidden.
  const bool accept = p.action == Action::kAccept;
  const bool demanded = accept != p.condition.negate;
  const auto has = [&](const std::string& tag) {
    const Has state = source && source->tags.contains(tag)    ? Has::kYes
                      : source && source->known.contains(tag) ? Has::kNo
                                                              : Has::kUnknown;
    return state == Has::kYes || (state == Has::kUnknown && !demanded);
  };
  const auto group = [&](const std::vector<std::string>& tags) {
    return p.condition.logic == MatchLogic::kAny ? std::any_of(tags.begin(), tags.end(), has)
                                                 : std::all_of(tags.begin(), tags.end(), has);
  };
  const auto& second = p.condition.secondary;
  const bool holds = group(p.condition.tags) && (second.empty() || group(second));
  return holds != p.condition.negate;
}

}  // namespace

bool about(const Policy& p, const Flow& flow) {
  if (!in_ranges(p.sources, flow.source) || !in_ranges(p.destinations, flow.destination)) return false;
  return p.services.empty() ||
         std::any_of(p.services.begin(), p.services.end(), [&](const Service& s) { return serves(s, flow); });
}

Verdict judge(const std::vector<Policy>& policies, const AddressEntry* source, const Flow& flow) {
  for (const auto& p : policies) {
    if (about(p, flow) && condition_holds(p, source)) return {p.action == Action::kAccept, p.id};
  }
  return {};
}

bool accepts(const std::vector<Policy>& policies, const AddressEntry* source, const Flow& flow) {
  return judge(policies, source, flow).accept;
}

}  // namespace postern::gateway::firewall
