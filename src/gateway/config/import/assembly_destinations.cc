// `dstaddr` of proxy policies. There it is matched with the real server that a request goes to: what is published of the
// vendor's configurations names real servers in it. But an administrator may have meant the virtual address, by which a plain
// firewall policy would go. So a refusal that has both readings is taken in the wider one, and of a policy that accepts, which
// would let nobody in, that is said.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "gateway/config/import/assembly.h"
#include "gateway/config/model.h"

namespace postern::gateway::config::fortios {
namespace {

constexpr std::string_view kProxyPolicies = "firewall proxy-policy";
constexpr const char* kDestination = "dstaddr";

bool names_some(const Draft& draft) {
  return draft.alive() && draft.table->name == kProxyPolicies && draft.object.values.contains(kDestination);
}

struct Places {
  bool door = false;    ///< The virtual address of one of its access proxies.
  bool server = false;  ///< A real server behind one of them.
};

/// What of its access proxies a policy's dstaddr holds.
Places held_by(const ProxyPolicyConfig& policy, const GatewayConfig& config) {
  std::vector<IpRange> ranges;
  for (const auto& name : policy.destinations) {
    const auto* address = find_named(config.addresses, name);
    if (address == nullptr) continue;
    if (address->all) return {true, true};
    ranges.insert(ranges.end(), address->ranges.begin(), address->ranges.end());
  }
  const auto held = [&](const IpRange& place) {
    return std::any_of(ranges.begin(), ranges.end(), [&](const IpRange& r) { return r.contains(place.first) || place.contains(r.first); });
  };
  Places out;
  for (const auto& proxy : config.access_proxies) {
    const auto& names = proxy.v6_table ? policy.access_proxies6 : policy.access_proxies;
    if (std::find(names.begin(), names.end(), proxy.name) == names.end()) continue;
    // At every address of this machine: any of them.
    out.door = out.door || proxy.vip.ext_ip.is_unspecified() || held({proxy.vip.ext_ip, proxy.vip.ext_ip});
    for (const auto& gateway : proxy.gateways) {
      for (const auto& server : gateway.servers) out.server = out.server || held({server.ip, server.ip});
      for (const auto& d : gateway.destinations) out.server = out.server || !d.range || held(*d.range);
    }
  }
  return out;
}

}  // namespace

/// It may become wider, so that nobody can say yet whether it refuses less than something that is here.
bool Assembly::is_destination_open(const Draft& draft) const { return !destinations_settled_ && names_some(draft); }

/// Says whether something changed, if only that it is known now. `all`: everything that is taken, written.
bool Assembly::widen_refusals(const Transaction& all) {
  nobody_let_in_.clear();
  if (std::none_of(drafts_.begin(), drafts_.end(), names_some)) return false;
  bool changed = !std::exchange(destinations_settled_, true);
  const auto config = read_config(all.tree());
  for (auto& d : drafts_) {
    if (!names_some(d)) continue;
    const auto policy = std::find_if(config.proxy_policies.begin(), config.proxy_policies.end(),
                                     [&](const auto& p) { return std::to_string(p.id) == d.object.key; });
    if (policy == config.proxy_policies.end()) continue;
    const auto held = held_by(*policy, config);
    if (policy->action == Action::kAccept) {
      if (!policy->enabled || held.server) continue;
      nobody_let_in_.push_back(fmt::format("{} lets nobody in: none of the real servers of its access proxies is within its dstaddr{}; name "
                                           "them there, or all",
                                           d.name(), held.door ? ", which has the virtual address" : ""));
      continue;
    }
    if (!held.door) continue;
    for (const auto& r : d.references) {
      if (r.attribute == kDestination)
        judgements_[r.at] = {Verdict::kTranslated, "all: the virtual address is within, so that everything behind it may be meant"};
    }
    std::erase_if(d.references, [](const Reference& r) { return r.attribute == kDestination; });
    d.object.values.erase(kDestination);
    changed = true;
  }
  return changed;
}

}  // namespace postern::gateway::config::fortios
