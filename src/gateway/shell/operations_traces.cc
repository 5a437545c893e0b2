// LiveOperations: why an endpoint or an address is, or is not, in this gateway's lists.
#include <algorithm>

#include "gateway/addresses/matched.h"
#include "gateway/cli/endpoint_view.h"
#include "gateway/shell/operations.h"

namespace postern::gateway {
namespace {

std::vector<cli::EndpointTrace::Address> trace_addresses(const Record& record, const Resolver& resolver) {
  std::vector<cli::EndpointTrace::Address> out;
  for (const auto& interface : record.interfaces) {
    for (const auto& ip : interface.addresses) {
      if (ip.is_loopback() || ip.is_link_local()) continue;
      if (std::any_of(out.begin(), out.end(), [&](const auto& a) { return a.ip == ip; })) continue;
      cli::EndpointTrace::Address address;
      address.ip = ip;
      address.reason = resolver.why(record.key, ip);
      if (const auto* network = resolver.network_of(ip)) {
        address.interface = network->name;
        const auto* neighbour = resolver.neighbour({network->name, ip});
        if (neighbour != nullptr && neighbour->state == Neighbour::State::kPresent) address.answers = neighbour->mac;
      }
      address.others = resolver.claimants(ip);
      std::erase(address.others, record.key);
      out.push_back(std::move(address));
    }
  }
  return out;
}

std::int64_t live_sessions(const GatewayCore& core, const Record& record) {
  std::int64_t out = 0;
  for (const auto& certificate : record.certificates) {
    const auto slot = core.slots().find(certificate.sha256);
    if (slot == core.slots().end() || slot->second.owner != record.key) continue;
    const auto places = core.sessions().find(certificate.sha256);
    if (places == core.sessions().end()) continue;
    for (const auto& [place, sessions] : places->second) out += sessions;
  }
  return out;
}

std::vector<cli::EndpointTrace::Tag> trace_tags(const GatewayCore& core, const Record& record) {
  using State = cli::EndpointTrace::Tag::State;
  std::vector<cli::EndpointTrace::Tag> out;
  for (const auto& [name, tag] : core.tags().entries()) {
    if (!tag.info || tag.connector != record.key.connector) continue;
    const auto among = [&](const auto& ids) { return std::binary_search(ids.begin(), ids.end(), tag.info->id); };
    const auto state = among(record.tags) ? State::kHas : among(record.unknown_tags) ? State::kUnknown : State::kHasNot;
    out.push_back({name, state, tag.info->name.str(), tag.info->kind});
  }
  return out;
}

}  // namespace

std::vector<cli::EndpointTrace> LiveOperations::endpoint_traces(
    const std::function<bool(const cli::EndpointView&)>& wanted) {
  const auto& core = *context_.core;
  const auto& resolver = core.resolver();
  std::vector<cli::EndpointTrace> out;
  for (const auto& [key, record] : core.records()) {
    cli::EndpointTrace trace;
    trace.endpoint = cli::make_endpoint_view(record, resolver, context_.device.serial);
    if (!wanted(trace.endpoint)) continue;
    trace.match_reason = match_reason(record, resolver);
    trace.matched = is_match(trace.match_reason);
    trace.match_text = match_reason_text(trace.match_reason, record, resolver);
    trace.addresses = trace_addresses(record, resolver);
    for (const auto& address : trace.addresses) {
      if (address.reason == ResolveReason::kResolved) trace.resolved.push_back(address.ip);
    }
    trace.resolve_reason = resolver.why(key);
    trace.resolve_text = resolve_reason_text(trace.resolve_reason);
    trace.tags = trace_tags(core, record);
    trace.sessions = live_sessions(core, record);
    trace.expired = !record.certificates.empty() &&
                    std::ranges::all_of(record.certificates, [now = context_.now().wall](const auto& c) { return c.not_after <= now; });
    if (const auto it = core.connectors().find(key.connector); it != core.connectors().end()) {
      trace.stale = it->second.stale;
      if (const auto& heard = it->second.client->last_contact()) trace.confirmed_at = heard->wall;
    }
    out.push_back(std::move(trace));
  }
  return out;
}

cli::AddressView LiveOperations::address(const IpAddress& ip) {
  const auto& resolver = context_.core->resolver();
  cli::AddressView out;
  for (const auto& local : resolver.interfaces()) {
    if (std::any_of(local.addresses.begin(), local.addresses.end(), [&](const auto& a) { return a.ip == ip; }))
      out.own_interface = local.name;
  }
  out.reserved = resolver.reserved().contains(ip);
  if (const auto* network = resolver.network_of(ip)) {
    out.network = network->name;
    if (const auto* neighbour = resolver.neighbour({network->name, ip})) out.neighbour = *neighbour;
  }
  return out;
}

}  // namespace postern::gateway
