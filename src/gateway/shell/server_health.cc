#include "gateway/shell/server_health.h"

#include <algorithm>
#include <tuple>

#include <fmt/format.h>

#include "base/log.h"
#include "gateway/ztna/nginx_servers.h"

namespace postern::gateway {
namespace {

using Condition = health::ServerJudge::Condition;

const NginxPool* pool_of(const ProxyPlan& plan, std::uint32_t id) {
  const auto it = std::find_if(plan.pools.begin(), plan.pools.end(), [&](const NginxPool& p) { return p.id == id; });
  return it == plan.pools.end() ? nullptr : &*it;
}

/// By access proxy and number.
std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint32_t> pools_by_gateway(const ProxyPlan& plan) {
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint32_t> out;
  for (const auto& proxy : plan.table.proxies) {
    for (const auto& gateway : proxy.api_gateways) out[{proxy.id, gateway.id}] = gateway.pool;
  }
  return out;
}

bool has_server(const NginxPool& pool, const NginxRealServer& server) {
  return std::any_of(pool.servers.begin(), pool.servers.end(), [&](const NginxRealServer& s) {
    return s.address == server.address && s.port == server.port;
  });
}

}  // namespace

std::set<std::uint32_t> taken_out(const ProxyPlan& before, const ProxyPlan& now) {
  std::map<std::uint32_t, std::vector<const NginxPool*>> successors;
  const auto pools = pools_by_gateway(now);
  for (const auto& [gateway, pool] : pools_by_gateway(before)) {
    const auto it = pools.find(gateway);
    if (it != pools.end()) successors[pool].push_back(pool_of(now, it->second));
  }
  std::set<std::uint32_t> out;
  for (const auto& pool : before.pools) {
    if (pool_of(now, pool.id) != nullptr) continue;
    std::vector<std::uint32_t> gone;
    for (const auto& server : pool.servers) {
      const auto& after = successors[pool.id];
      const bool stays = std::any_of(after.begin(), after.end(), [&](const NginxPool* p) { return p != nullptr && has_server(*p, server); });
      if (!stays) gone.push_back(server.number);
    }
    // Where all are others, requests go on to those of before for the moment that nginx takes to know the new ones.
    if (gone.size() < pool.servers.size()) out.insert(gone.begin(), gone.end());
  }
  return out;
}

Result<std::unique_ptr<ServerHealth>> ServerHealth::open(Context& context, const std::filesystem::path& dir,
                                                         gid_t reader_group, Options options) {
  auto writer = ecshm::HealthWriter::open(dir, reader_group);
  if (!writer) return fail(writer.error());
  return std::unique_ptr<ServerHealth>(new ServerHealth(context, std::move(*writer), options));
}

ServerHealth::ServerHealth(Context& context, std::unique_ptr<ecshm::HealthWriter> writer, Options options)
    : context_(context), writer_(std::move(writer)), options_(options),
      checker_(context.loop, options.timing,
               [this](const health::Check& check, health::Finding finding) { take(check, finding); }) {}

void ServerHealth::publish(std::uint32_t number, ecshm::ServerState state) {
  if (writer_->set(number, state)) {
    full_.erase(number);
  } else {
    full_.insert(number);
  }
}

void ServerHealth::use(const ProxyPlan& plan) {
  for (const auto number : taken_out(plan_, plan)) publish(number, ecshm::ServerState::kRemoved);
  const auto now = context_.now();
  std::map<std::uint32_t, Server> servers;
  std::vector<health::Check> checks;
  full_.clear();
  for (const auto& pool : plan.pools) {
    for (const auto& s : pool.servers) {
      health::Rules rules = options_.rules;
      if (!s.holddown) rules.holddown = std::chrono::milliseconds(0);
      const bool checked = s.check.protocol != health::Protocol::kNone;
      auto known = servers_.find(s.number);
      auto said = checked ? writer_->state(s.number) : ecshm::ServerState::kUnknown;
      // The same server, asked the same, of a mapping that has changed: what is known of it stays.
      if (checked && known == servers_.end()) {
        known = std::find_if(servers_.begin(), servers_.end(), [&](const auto& other) { return other.second.check == s.check; });
      }
      auto& server = servers
                         .try_emplace(s.number, Server{s.check, rules, endpoint_text(s.address, s.port),
                                                       known != servers_.end() ? known->second.judge : health::ServerJudge(said, now),
                                                       known != servers_.end() && known->second.cannot_tell})
                         .first->second;
      publish(s.number, server.judge.state());
      if (checked) checks.push_back(s.check);
    }
  }
  servers_ = std::move(servers);
  std::set<std::uint32_t> numbers;
  for (const auto& [number, server] : servers_) numbers.insert(number);
  counts_.use(std::move(numbers));
  plan_ = plan;
  checker_.use(std::move(checks));
}

void ServerHealth::take(const health::Check& check, const health::Finding& finding) {
  const auto now = context_.now();
  std::set<std::string> told;
  for (auto& [number, server] : servers_) {
    if (server.check != check) continue;
    server.cannot_tell = finding.outcome == health::Finding::Outcome::kCannotTell;
    if (!server.judge.take(finding, server.rules, now)) continue;
    publish(number, server.judge.state());
    if (!told.insert(condition_name(server.judge.condition())).second) continue;  // once, of however many mappings
    const auto text = fmt::format("real server {} is {} ({}: {})", server.name, condition_name(server.judge.condition()),
                                  protocol_name(check.protocol), finding.why);
    switch (server.judge.condition()) {
      case Condition::kDown: log_warning("realserver.down", text); break;
      case Condition::kUnknown: log_warning("realserver.unknown", text); break;
      case Condition::kHeldDown: log_info("realserver.held-down", text); break;
      case Condition::kUp: log_info("realserver.up", text); break;
    }
  }
}

const ServerHealth::Server* ServerHealth::find(std::uint32_t number) const {
  const auto it = servers_.find(number);
  return it == servers_.end() ? nullptr : &it->second;
}

std::vector<cli::RealServerView> ServerHealth::servers() const {
  std::vector<cli::RealServerView> out;
  for (const auto& proxy : plan_.table.proxies) {
    for (const auto& gateway : proxy.api_gateways) {
      const auto* pool = pool_of(plan_, gateway.pool);
      if (pool == nullptr) continue;
      const bool active_alive = std::any_of(pool->servers.begin(), pool->servers.end(), [&](const NginxRealServer& s) {
        const auto* known = find(s.number);
        return !s.standby && known != nullptr && ecshm::takes_requests(known->judge.state());
      });
      for (const auto& s : pool->servers) {
        const auto* known = find(s.number);
        if (known == nullptr) continue;
        cli::RealServerView view;
        view.access_proxy = proxy.name;
        view.api_gateway = gateway.id;
        view.method = policy::balancing_name(pool->method);
        view.server = known->name;
        view.standby = s.standby;
        view.weight = s.weight;
        view.host = s.host;
        view.check = health::protocol_name(s.check.protocol);
        view.state = condition_name(known->judge.condition());
        view.why = known->judge.why();
        view.since = known->judge.since();
        view.takes_requests = ecshm::takes_requests(known->judge.state()) && (!s.standby || !active_alive);
        const auto counts = counts_.of(s.number);
        view.requests = counts.requests;
        view.failures = counts.failures;
        view.in_use = counts.in_use;
        out.push_back(std::move(view));
      }
    }
  }
  return out;
}

Status ServerHealth::health() const {
  if (!full_.empty()) {
    return fail(ErrorCode::kResourceExhausted,
                fmt::format("there is no room for the health of {} real servers: nginx uses them whether they are well or not; "
                            "configure fewer", full_.size()));
  }
  std::map<std::pair<std::string, std::uint32_t>, bool> alive;
  const auto all = servers();
  for (const auto& s : all) alive[{s.access_proxy, s.api_gateway}] |= s.takes_requests;
  for (const auto& [gateway, any] : alive) {
    if (any) continue;
    return fail(ErrorCode::kUnavailable,
                fmt::format("access proxy {}, api-gateway {}: all real servers are down, its requests are answered 502; diagnose "
                            "ztna real-server list says why", gateway.first, gateway.second));
  }
  for (const auto& [number, server] : servers_) {
    if (!server.cannot_tell) continue;
    return fail(ErrorCode::kUnavailable, fmt::format("real server {} can't be checked, so it is used whether it is well or not: {}",
                                                     server.name, server.judge.why()));
  }
  return {};
}

}  // namespace postern::gateway
