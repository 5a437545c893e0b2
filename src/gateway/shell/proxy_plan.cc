#include "gateway/shell/proxy_plan.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "base/sha256.h"
#include "base/text.h"
#include "gateway/firewall/policy.h"
#include "gateway/firewall/rules.h"
#include "gateway/shell/policy_parts.h"
#include "policy/compile.h"
#include "policy/translate_host.h"

namespace postern::gateway {
namespace {

policy::EmptyCertAction empty_action(config::EmptyCertificate action) {
  switch (action) {
    case config::EmptyCertificate::kAccept: return policy::EmptyCertAction::kAccept;
    case config::EmptyCertificate::kAcceptUnmanageable: return policy::EmptyCertAction::kAcceptUnmanageable;
    case config::EmptyCertificate::kBlock: break;
  }
  return policy::EmptyCertAction::kBlock;
}

policy::Pattern url_pattern(config::ApiGatewayConfig::UrlMap type) {
  using UrlMap = config::ApiGatewayConfig::UrlMap;
  switch (type) {
    case UrlMap::kWildcard: return policy::Pattern::kWildcard;
    case UrlMap::kRegex: return policy::Pattern::kRegex;
    case UrlMap::kSubString: break;
  }
  return policy::Pattern::kSubString;
}

/// A number for what `meaning` says: the same in every plan, in this process and the next. An nginx that still has an
/// earlier configuration must never find another access proxy's policies, or other servers, under a number of its own.
/// `taken`: the numbers of this plan so far, told apart from one another.
std::uint32_t stable_number(std::string_view meaning, std::set<std::uint32_t>& taken) {
  const auto digest = sha256(meaning);
  auto number = static_cast<std::uint32_t>(digest[0]) << 24 | static_cast<std::uint32_t>(digest[1]) << 16 |
                static_cast<std::uint32_t>(digest[2]) << 8 | static_cast<std::uint32_t>(digest[3]);
  while (number == 0 || !taken.insert(number).second) ++number;
  return number;
}

std::string meaning_of(const NginxPool& pool) {
  std::string out = fmt::format("pool {} {}", policy::balancing_name(pool.method), pool.host);
  for (const auto& s : pool.servers) {
    out += fmt::format("\n{} {} {} {} {} {} {} {}", s.address.str(), s.port, s.weight, s.standby, s.host,
                       static_cast<int>(s.check.protocol), s.check.host, s.holddown);
  }
  if (pool.tls) {
    out += fmt::format("\ntls {} {} {} {}", static_cast<int>(pool.tls->min), static_cast<int>(pool.tls->max),
                       pool.tls->verify ? "verified" : "any", pool.tls->ca);
  }
  if (!pool.destinations.empty()) out += "\nforwards " + pool.destinations;
  return out;
}

NginxRealServer real_server(const config::ApiGatewayConfig& gateway, const config::RealServerConfig& server) {
  NginxRealServer out;
  out.address = server.ip;
  out.port = server.port;
  out.weight = server.weight;
  out.standby = server.standby;
  if (gateway.method == policy::Balancing::kHttpHost) out.host = policy::without_port(server.http_host);
  out.holddown = server.holddown;
  if (server.check == health::Protocol::kNone) return out;
  out.check.protocol = server.check;
  out.check.address = server.ip;
  if (server.check == health::Protocol::kPing) return out;
  out.check.port = server.port;
  out.check.host = server.http_host;
  // The gateway itself speaks no TLS as old as that: then a connection has to do.
  out.check.tls = gateway.tls && gateway.max_tls >= config::TlsVersion::k12;
  if (gateway.tls && !out.check.tls) out.check.protocol = health::Protocol::kTcpConnect;
  return out;
}

}  // namespace

ProxyPlan plan_proxies(const config::GatewayConfig& config, const TagTable& tags) {
  ProxyPlan plan;
  std::map<std::pair<bool, std::string>, std::uint32_t> proxy_ids;  // by table
  std::set<std::uint32_t> proxies, pools, servers;
  std::map<policy::Destination, std::vector<std::optional<IpRange>>> places_of;
  std::map<std::string, std::uint32_t> pool_ids;  // by meaning: equal servers are one pool
  for (const auto& proxy : config.access_proxies) {
    const auto* vip = &proxy.vip;
    const auto id = stable_number((proxy.v6_table ? "access-proxy6\n" : "access-proxy\n") + proxy.name, proxies);
    proxy_ids[{proxy.v6_table, proxy.name}] = id;
    plan.proxy_names[id] = proxy.name;
    policy::Proxy out;
    out.id = id;
    out.name = proxy.name;
    if (vip->ext_interface != "any") out.interfaces = {vip->ext_interface};
    out.empty_cert_action = empty_action(proxy.empty_certificate);
    NginxListener listener;
    for (const auto& gateway : proxy.gateways) {
      policy::ApiGateway api;
      api.id = static_cast<std::uint32_t>(gateway.id);
      api.url = gateway.url_map;
      api.url_pattern = url_pattern(gateway.url_map_type);
      if (const auto* host = config::find_named(config.virtual_hosts, gateway.virtual_host)) {
        api.host = to_lower(host->host);
        api.host_pattern = host->wildcard ? policy::Pattern::kWildcard : policy::Pattern::kSubString;
      }
      NginxPool pool;
      pool.method = gateway.method;
      for (const auto& server : gateway.servers) {
        if (!server.active) continue;
        pool.servers.push_back(real_server(gateway, server));
        places_of[{id, api.id}].push_back(IpRange{server.ip, server.ip});
        if (gateway.method != policy::Balancing::kHttpHost && server.translate_host) pool.host = server.http_host;
        if (!gateway.tls) continue;
        // One that asks for its certificate to be verified is never left to another's say.
        const bool verify = server.verify_certificate || (pool.tls && pool.tls->verify);
        pool.tls = {verify, verify ? gateway.server_ca : "", "", gateway.min_tls, gateway.max_tls};
      }
      pool.destinations = print_destinations(gateway.destinations);
      for (const auto& d : gateway.destinations) places_of[{id, api.id}].push_back(d.range);
      if (!pool.servers.empty() || !pool.destinations.empty()) {
        const auto [known, is_new] = pool_ids.try_emplace(meaning_of(pool));
        if (is_new) {
          known->second = pool.id = stable_number(known->first, pools);
          for (auto& s : pool.servers)
            s.number = stable_number(fmt::format("server {} {}\n{}", s.address.str(), s.port, known->first), servers);
          plan.pools.push_back(std::move(pool));
        }
        api.pool = known->second;
        listener.pools.push_back(api.pool);
      }
      out.api_gateways.push_back(std::move(api));
    }
    plan.table.proxies.push_back(std::move(out));
    listener.proxy = id;
    listener.address = vip->ext_ip;
    listener.port = vip->ext_port;
    listener.ask_for_certificate = proxy.client_certificate;
    plan.listeners.push_back(std::move(listener));
    plan.listener_certificates.push_back(vip->certificate.empty() ? std::string(config::kFactoryCertificate)
                                                                  : vip->certificate);
  }
  std::map<std::uint16_t, policy::Tag> named;
  for (const auto& policy : config.proxy_policies) {
    if (!policy.enabled) continue;
    policy::Policy out;
    out.id = policy.id;
    out.name = policy.name;
    const auto cover = [&](bool v6, const std::vector<std::string>& names) {
      for (const auto& name : names) {
        if (const auto it = proxy_ids.find({v6, name}); it != proxy_ids.end()) out.proxies.push_back(it->second);
      }
    };
    cover(false, policy.access_proxies);
    cover(true, policy.access_proxies6);
    if (out.proxies.empty()) continue;
    if (std::find(policy.from.begin(), policy.from.end(), "any") == policy.from.end()) out.interfaces = policy.from;
    bool everywhere = policy.sources.empty();
    for (const auto& name : policy.sources) {
      const auto* address = config::find_named(config.addresses, name);
      if (address == nullptr || address->all) {
        everywhere = everywhere || address != nullptr;
        continue;
      }
      out.sources.insert(out.sources.end(), address->ranges.begin(), address->ranges.end());
    }
    if (everywhere) out.sources.clear();
    const bool denies = policy.action == config::Action::kDeny;
    bool all_have_bits = true;
    const auto demand = [&](const std::vector<std::string>& names, std::vector<std::uint16_t>& bits) {
      for (const auto& name : names) {
        const auto* entry = tags.find(name);
        if (entry == nullptr) {
          all_have_bits = false;  // there is no room for it (TagTable)
          continue;
        }
        const auto bit = static_cast<std::uint16_t>(entry->bit);
        bits.push_back(bit);
        policy::Tag tag;
        tag.bit = bit;
        tag.name = policy::clean(entry->info ? entry->info->name.str() : name);
        if (entry->info) {
          tag.message = policy::clean(entry->info->message);
          tag.on_unknown_ignore = entry->info->on_unknown_ignore;
        }
        named[bit] = std::move(tag);
      }
    };
    demand(policy.condition.tags, out.tags);
    demand(policy.condition.secondary, out.secondary);
    demand(user_bits(policy), out.users);
    if (const auto ranges = destination_ranges(config, policy.destinations)) {
      auto& destinations = out.destinations.emplace();
      for (const auto& [destination, places] : places_of) {
        if (leads_within(*ranges, places, !denies)) destinations.push_back(destination);
      }
    }
    if (!all_have_bits) {
      // Unknown of everybody: what lets in lets nobody in, and what refuses refuses everybody.
      if (!denies) continue;
      out.tags.clear();
      out.secondary.clear();
      out.users.clear();
    }
    out.match = policy.condition.logic == config::MatchLogic::kAll ? policy::Match::kAll : policy::Match::kAny;
    out.negate = policy.condition.negate && !out.tags.empty();
    out.action = denies ? policy::Action::kDeny : policy::Action::kAccept;
    out.log = policy.log;
    plan.policy_names[out.id] = out.name;
    plan.table.policies.push_back(std::move(out));
  }
  for (auto& [bit, tag] : named) plan.table.tags.push_back(std::move(tag));
  return plan;
}

Status check_plan(const config::GatewayConfig& config, const TagTable& tags) {
  for (const auto& proxy : config.access_proxies) {
    for (const auto& gateway : proxy.gateways) {
      if (print_destinations(gateway.destinations).size() <= kMaxDestinationsText) continue;
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("access-proxy {}: api-gateway {}: its real servers are too many to forward to: in words they may "
                              "have {} characters; use wider ranges, or several api-gateways",
                              proxy.name, gateway.id, kMaxDestinationsText));
    }
  }
  if (const auto used = used_bits(config); used.size() > kMaxTags) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("the enabled policies name {} tags, users and groups, and a gateway has room for {}; disable some "
                            "of them, or use fewer tags", used.size(), kMaxTags));
  }
  if (auto blob = policy::compile(plan_proxies(config, tags).table); !blob) return fail(blob.error());
  const auto rules = firewall::render_chains(firewall::compile_policies(config));
  if (rules.listed > firewall::kMaxListed) {
    return fail(
        ErrorCode::kInvalidArgument,
        fmt::format(
            "the address groups and lists of the enabled firewall policies hold {} different ranges in all, and "
            "the firewall has room for {}; use wider subnets, or fewer groups",
            rules.listed, firewall::kMaxListed));
  }
  return {};
}

}  // namespace postern::gateway
