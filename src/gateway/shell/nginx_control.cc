#include "gateway/shell/nginx_control.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/file.h"
#include "base/hex.h"
#include "base/log.h"
#include "base/sha256.h"
#include "gateway/ztna/ports.h"
#include "gateway/ztna/sessions_cut.h"
#include "policy/compile.h"

namespace postern::gateway {
namespace {

/// So many pauses an nginx that hasn't answered is left in peace: half a minute at first, half an hour in the end.
constexpr int kLateLooks = 15, kMostDoublings = 6;

}  // namespace

Status NginxControl::create(const NginxOptions& options) {
  auto process = NginxProcess::create(context_.loop, options);
  if (!process) return fail(process.error());
  use(std::move(*process));
  ForwarderProcess::Options forwarder;
  forwarder.socket = (options.dir / "tcp" / "tcp.sock").native();
  forwarder.log = options.dir / "tcp" / "tcp.log";
  forwarder.user = options.user;
  forwarder_ = std::make_unique<ForwarderProcess>(context_.loop, std::move(forwarder));
  return {};
}

void NginxControl::use(std::unique_ptr<NginxProcess> process) {
  process_ = std::move(process);
  process_->on_died = [this] {
    log_warning("nginx.died", "nginx ended by itself and is started again");
    // With what it had it may not come up again: an address that is gone is enough.
    in_force_.clear();
    bound_.reset();
    died_ = context_.loop.after(retry_pause_, [this] { reload(); });
  };
}

void NginxControl::start() {
  started_ = true;
  if (forwarder_ && !forwarding_.empty()) forwarder_->start();
  reload();
}

void NginxControl::stop() {
  if (process_) process_->stop();
  if (forwarder_) forwarder_->stop();
}

void NginxControl::publish_policies() {
  plan_ = plan_proxies(context_.config, context_.core->tags());
  for (const auto& [id, name] : plan_.proxy_names) proxy_names_[id] = name;
  for (const auto& pool : plan_.pools) {
    if (!pool.destinations.empty()) forwarding_.insert(pool.id);
  }
  if (forwarder_ && started_ && !forwarding_.empty()) forwarder_->start();
  problems_.erase("policies");
  auto blob = policy::compile(plan_.table);
  if (!blob) {
    // The check of each commit asks first, so it is something that came from an EMS. Going on with the policies before
    // would leave in force what an administrator has taken away.
    log_error("policies.refused", blob.error().message);
    problems_["policies"] = blob.error().context("no access proxy lets anybody in");
    blob = policy::compile({});
  }
  if (*blob == held_) return;
  held_.clear();
  release_.cancel();
  if (*blob == published_) return;  // most tags are in no policy
  const bool nginx_follows = started_ && !published_.empty() && !in_force_.empty();
  if (nginx_follows && only_servers_differ(published_plan_)) {
    held_ = std::move(*blob);
    retired_ = published_plan_.pools;
    return;
  }
  publish(std::move(*blob));
}

/// Whoever is let in where stays the same, and so does that there are servers.
bool NginxControl::only_servers_differ(const ProxyPlan& before) const {
  const auto bare = [](policy::PolicyTable table) {
    for (auto& proxy : table.proxies) {
      for (auto& gateway : proxy.api_gateways) gateway.pool = gateway.pool == 0 ? 0 : 1;
    }
    return policy::compile(table);
  };
  const auto then = bare(before.table), now = bare(plan_.table);
  return then && now && *then == *now;
}

void NginxControl::publish(Bytes blob) {
  published_.clear();
  publish_retry_.cancel();
  if (auto published = shm_.publish_policies(blob); !published) {
    log_error("policies.publish", published.error().message);
    problems_["policies"] = published.error().context("the policies before this change are in force; it is tried again");
    publish_retry_ = context_.loop.after(retry_pause_, [this] {
      publish_policies();
      reload();
      shm_.notify();
    });
    return;
  }
  published_ = std::move(blob);
  published_plan_ = plan_;
}

/// nginx knows the servers. Its workers of before don't, and accept connections for another tenth of a second.
void NginxControl::release_held() {
  if (held_.empty() || release_) return;
  release_ = context_.loop.after(retry_pause_ / 4, [this] { publish_held(); });
}

/// At once where nginx won't know them for now: then nobody is led to those of before.
void NginxControl::publish_held() {
  release_.cancel();
  if (held_.empty()) return;
  publish(std::exchange(held_, {}));
  shm_.notify();
}

std::vector<proto::fabric::SessionsCut> NginxControl::sessions_cut(ConnectorId connector,
                                                                   const proto::fabric::WhatIf& question) const {
  const auto policies = policy::PolicyView::open(published_);
  if (!policies) return {};  // nothing is let in
  auto table = plan_.table;
  const auto now = context_.now().wall;
  if (!apply_on_unknown(*context_.core, connector, question, table)) {
    return gateway::sessions_cut(*context_.core, *policies, *policies, connector, question, now);
  }
  const auto blob = policy::compile(table);  // as those in force did
  const auto would = blob ? policy::PolicyView::open(*blob) : policies;
  return gateway::sessions_cut(*context_.core, *policies, would ? *would : *policies, connector, question, now);
}

Result<std::string> NginxControl::install(const std::string& name, const std::string& content) {
  auto& held = installed_[name];
  if (!held.second.empty() && held.first == content) return held.second;
  held = {};
  auto path = process_->install(name, content);
  if (path) held = {content, *path};
  return path;
}

/// Why nginx could not listen there: one such place would keep it from taking anything of the configuration.
std::optional<std::string> NginxControl::out_of_reach(const NginxListener& listener) const {
  const auto place = place_at(listener.address, listener.port);
  const auto& name = plan_.proxy_names.at(listener.proxy);
  // What an nginx that was taken over listens at isn't known yet: it says itself what it can't have.
  const bool unknown = !bound_ && process_->pid();
  const auto at = [&](const NginxListener& b) {
    return in_the_way(b, listener) || (b.address == listener.address && b.port == listener.port);
  };
  bool ours = bound_ && std::any_of(bound_->begin(), bound_->end(), at);
  if (context_.now().mono < let_go_until_) ours = ours || std::any_of(let_go_.begin(), let_go_.end(), at);
  if (place == Place::kTaken && !unknown && !ours) {
    return fmt::format(
        "access proxy {}: another program listens at {} port {} (ss -ltnp names it): nobody reaches the access "
        "proxy there until that program is stopped or another extport is set",
        name, listener.address.str(), listener.port);
  }
  if (place == Place::kNowhere) {
    return fmt::format("access proxy {}: no interface of this machine has the address {}: nobody reaches the access proxy "
                       "there until one has it or another extip is set",
                       name, listener.address.str());
  }
  return std::nullopt;
}

/// The listeners that nginx is told of. All are looked at again from time to time: addresses come and go.
std::vector<std::size_t> NginxControl::within_reach() {
  std::vector<std::size_t> out;
  problems_.erase("listeners");
  for (std::size_t i = 0; i < plan_.listeners.size(); ++i) {
    if (const auto why = out_of_reach(plan_.listeners[i])) {
      problems_.try_emplace("listeners", Error{ErrorCode::kUnavailable, *why});
    } else {
      out.push_back(i);
    }
  }
  reachable_ = out;
  if (plan_.listeners.empty()) {
    reach_.cancel();
  } else if (!reach_) {
    reach_ = context_.loop.every(retry_pause_, [this] {
      const auto told = reachable_;
      if (!busy_ && (within_reach() != told || server_cas_changed())) reload();
    });
  }
  return out;
}

/// Where an access proxy goes on listening as long as its new place can't be had; nullptr: nowhere, or another one is to
/// have that place now.
const NginxListener* NginxControl::place_before(std::size_t number) const {
  if (!bound_) return nullptr;
  const auto& wanted = plan_.listeners[number];
  const auto it = std::find_if(bound_->begin(), bound_->end(), [&](const auto& b) { return b.proxy == wanted.proxy; });
  if (it == bound_->end() || place_at(it->address, it->port) == Place::kNowhere) return nullptr;
  const bool given = std::any_of(plan_.listeners.begin(), plan_.listeners.end(), [&](const NginxListener& other) {
    return other.proxy != wanted.proxy &&
           (in_the_way(*it, other) || (it->address == other.address && it->port == other.port));
  });
  return given ? nullptr : &*it;
}

void NginxControl::reload() {
  if (!started_) return;
  if (busy_) {
    again_ = true;
    return;
  }
  NginxConfig out;
  out.module_path = context_.options.module_path;
  out.runtime_dir = (context_.options.runtime_dir / "shm").native();
  out.state_dir = process_->state_dir().native();
  if (forwarder_) out.forwarder = forwarder_->socket();
  out.workers = context_.options.nginx_workers;
  std::string installed;
  problems_.erase("certificate");
  problems_.erase("configuration");
  install_client_cas(out, installed);
  bool first_of_two = false;
  const auto reachable = within_reach();
  for (std::size_t i = 0; i < plan_.listeners.size(); ++i) {
    const auto* before = std::binary_search(reachable.begin(), reachable.end(), i) ? nullptr : place_before(i);
    if (before == nullptr && !std::binary_search(reachable.begin(), reachable.end(), i)) continue;
    auto listener = with_certificate(i, installed);
    if (!listener) continue;
    if (before != nullptr) {
      listener->address = before->address;
      listener->port = before->port;
    }
    // From every address of a port to one of them, or back: nginx opens before it closes, so first it has to let go.
    const bool ours = bound_ && std::any_of(bound_->begin(), bound_->end(),
                                            [&](const NginxListener& b) { return in_the_way(b, *listener); });
    if (ours) {
      first_of_two = true;
    } else {
      out.listeners.push_back(std::move(*listener));
    }
  }
  std::string server_cas;
  auto text = render(out, server_cas);
  // Pools of before stay as long as nothing else changes: to take them out alone is no reason to reload.
  if (text && held_.empty() && !retired_.empty() && *text + installed + server_cas != in_force_) {
    retired_.clear();
    text = render(out, server_cas);
  }
  if (!text) return publish_held();
  Wanted wanted{*text + installed + server_cas, std::move(out.listeners)};
  if (wanted.all == in_force_) return release_held();
  in_force_ = wanted.all;
  busy_ = true;
  again_ = false;
  second_step_ = first_of_two;
  process_->apply(std::move(*text), [this, wanted = std::move(wanted)](Status status) mutable {
    applied(std::move(status), std::move(wanted));
  });
}

std::optional<std::string> NginxControl::render(NginxConfig config, std::string& installed) {
  installed.clear();
  config.pools = plan_.pools;
  for (const auto& pool : retired_) {
    const bool there = std::any_of(config.pools.begin(), config.pools.end(),
                                   [&](const NginxPool& p) { return p.id == pool.id; });
    if (there) continue;
    config.pools.push_back(pool);
    for (auto& listener : config.listeners) listener.pools.push_back(pool.id);
  }
  install_server_cas(config, installed);
  auto text = render_nginx_config(config);
  if (text) return std::move(*text);
  log_error("nginx.configuration", text.error().message);
  problems_["configuration"] = text.error();
  return std::nullopt;
}

void NginxControl::applied(Status status, Wanted wanted) {
  busy_ = false;
  retry_.cancel();
  problems_.erase("nginx");
  if (status) {
    unanswered_ = 0;
    in_force_ = std::move(wanted.all);
    // Workers of before have their places for a moment yet.
    if (bound_) let_go_ = std::move(*bound_);
    let_go_until_ = context_.now().mono + retry_pause_ / 2;
    bound_ = std::move(wanted.listeners);
  } else {
    log_error("nginx.refused", status.error().message);
    in_force_.clear();
    installed_.clear();  // whatever became of them
    if (!process_->pid()) bound_.emplace();
    problems_["nginx"] = status.error();
    if (status.error().code == ErrorCode::kDeadlineExceeded) {
      await_late(std::move(wanted));
    } else {
      unanswered_ = 0;
      retry_later(status.error().code);
    }
  }
  if (!status) publish_held();
  // Refused, the second step waits for what is tried again.
  const bool second_step = std::exchange(second_step_, false) && status;
  if (std::exchange(again_, false) || second_step) return reload();
  release_held();
}

/// An nginx that hasn't answered may be at it still: what it says later counts, and asked again at once it would begin
/// anew. So it is after longer and longer pauses.
void NginxControl::await_late(Wanted wanted) {
  late_ = std::move(wanted);
  late_looks_ = kLateLooks << std::min(unanswered_++, kMostDoublings);
  retry_ = context_.loop.every(retry_pause_, [this] {
    if (busy_) return;
    if (auto said = process_->health(); said || said.error().code != ErrorCode::kDeadlineExceeded) {
      return applied(std::move(said), std::move(late_));
    }
    if (--late_looks_ == 0) reload();
  });
}

void NginxControl::retry_later(ErrorCode why) {
  if (why == ErrorCode::kInvalidArgument) return;  // it would be refused again
  retry_ = context_.loop.every(retry_pause_, [this] {
    if (!busy_) reload();
  });
}

Status NginxControl::health() const {
  if (!problems_.empty()) return fail(problems_.begin()->second);
  if (auto running = process_->health(); !running) return running;
  for (std::size_t i = 0; i < plan_.listeners.size(); ++i) {
    if (auto why = out_of_date(i)) return fail(ErrorCode::kInvalidArgument, *why);
  }
  return {};
}

std::vector<std::string> NginxControl::obstacles() const {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < plan_.listeners.size(); ++i) {
    auto why = out_of_reach(plan_.listeners[i]);
    if (const auto pair = certificate_of(i); !why && !pair) why = pair.error().message;
    if (!why) why = out_of_date(i);
    if (why) out.push_back(std::move(*why));
  }
  return out;
}

TrafficNames NginxControl::names_of(const ecshm::EventView& event) const {
  TrafficNames names;
  const auto& core = *context_.core;
  if (event.leaf) {
    const auto slot = core.slots().find(*event.leaf);
    if (slot != core.slots().end()) {
      const auto record = core.records().find(slot->second.owner);
      const bool named = !context_.config.log.anonymize;
      if (named) names.endpoint_uid = slot->second.owner.uid.str();
      if (record != core.records().end()) {
        if (named) names.host_name = record->second.host_name;
        names.ems_serial = record->second.ems_serial.str();
      }
    }
  }
  if (const auto it = proxy_names_.find(event.proxy); it != proxy_names_.end()) names.proxy = it->second;
  if (const auto it = plan_.policy_names.find(event.policy); it != plan_.policy_names.end()) names.policy = it->second;
  // Its pool may be of a configuration that this process has not seen.
  names.forwards = forwarding_.contains(event.pool) || event.kind == ecshm::SessionKind::kTcpForwarding;
  if (!event.tags.any()) return names;  // As for every request that was let through.
  for (const auto& [name, tag] : core.tags().entries()) {
    if (event.tags.test(tag.bit)) names.tags.push_back(name);
  }
  return names;
}

}  // namespace postern::gateway
