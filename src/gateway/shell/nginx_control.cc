#include "gateway/shell/nginx_control.h"

#include <fmt/format.h>

#include "base/file.h"
#include "base/log.h"
#include "policy/compile.h"

namespace postern::gateway {
namespace {

/// A PEM text, or that of the file it names.
Result<std::string> pem_of(const std::string& value) {
  if (value.empty() || value[0] != '/') return value;
  return read_file(value, 1 << 20);
}

}  // namespace

Status NginxControl::create(const NginxOptions& options) {
  auto process = NginxProcess::create(context_.loop, options);
  if (!process) return fail(process.error());
  process_ = std::move(*process);
  process_->on_died = [] { log_warning("nginx.died", "nginx ended by itself and is started again"); };
  return {};
}

void NginxControl::start() {
  started_ = true;
  reload();
}

void NginxControl::stop() {
  if (process_) process_->stop();
}

void NginxControl::publish_policies() {
  plan_ = plan_proxies(context_.config, context_.core->tags());
  auto blob = policy::compile(plan_.table);
  if (!blob) {
    log_error("policies.refused", blob.error().message);
    return;
  }
  if (auto published = shm_.publish_policies(*blob); !published)
    log_error("policies.publish", published.error().message);
}

void NginxControl::install_client_cas(NginxConfig& config, std::string& installed) {
  std::string bundle;
  for (const auto& c : context_.config.connectors) {
    if (const auto pem = read_file(context_.ca_path(c.id), 1 << 20)) bundle += *pem;
  }
  if (!bundle.empty()) {
    auto path = process_->install("ztna-ca.pem", bundle);
    if (path) config.client_ca_path = *path;
  }
  installed += bundle;
}

std::optional<NginxListener> NginxControl::with_certificate(std::size_t number, std::string& installed) {
  auto listener = plan_.listeners[number];
  std::string chain = context_.device.server_chain_pem, key = context_.device.server_key_pem;
  if (const auto* own = config::find_named(context_.config.certificates, plan_.listener_certificates[number])) {
    auto c = pem_of(own->certificate);
    auto k = pem_of(own->private_key);
    if (!c || !k) {
      log_error("certificate.unreadable", (c ? k : c).error().message, {{"certificate", own->name}});
      return std::nullopt;
    }
    chain = std::move(*c);
    key = std::move(*k);
  }
  const auto cert_path = process_->install(fmt::format("listener{}.crt", listener.proxy), chain);
  const auto key_path = process_->install(fmt::format("listener{}.key", listener.proxy), key);
  if (!cert_path || !key_path) {
    log_error("certificate.install", (cert_path ? key_path : cert_path).error().message);
    return std::nullopt;
  }
  installed += chain + key;
  listener.certificate_path = *cert_path;
  listener.key_path = *key_path;
  return listener;
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
  out.workers = context_.options.nginx_workers;
  out.pools = plan_.pools;
  std::string installed;
  install_client_cas(out, installed);
  for (std::size_t i = 0; i < plan_.listeners.size(); ++i) {
    if (auto listener = with_certificate(i, installed)) out.listeners.push_back(std::move(*listener));
  }
  auto text = render_nginx_config(out);
  if (!text) {
    log_error("nginx.configuration", text.error().message);
    return;
  }
  const auto wanted = *text + installed;
  if (wanted == in_force_) return;
  in_force_ = wanted;
  busy_ = true;
  process_->apply(std::move(*text), [this](Status applied) {
    busy_ = false;
    if (!applied) {
      log_error("nginx.refused", applied.error().message);
      in_force_.clear();
    }
    if (std::exchange(again_, false)) reload();
  });
}

TrafficNames NginxControl::names_of(const ecshm::Event& event) const {
  TrafficNames names;
  const auto& core = *context_.core;
  if (event.leaf) {
    const auto slot = core.slots().find(*event.leaf);
    if (slot != core.slots().end()) {
      const auto record = core.records().find(slot->second.owner);
      names.endpoint_uid = slot->second.owner.uid.str();
      if (record != core.records().end()) {
        names.host_name = record->second.host_name;
        names.ems_serial = record->second.ems_serial.str();
      }
    }
  }
  if (const auto it = plan_.proxy_names.find(event.proxy); it != plan_.proxy_names.end()) names.proxy = it->second;
  if (const auto it = plan_.policy_names.find(event.policy); it != plan_.policy_names.end()) names.policy = it->second;
  if (!event.tags.any()) return names;  // As for every request that was let through.
  for (const auto& [name, tag] : core.tags().entries()) {
    if (event.tags.test(tag.bit)) names.tags.push_back(name);
  }
  return names;
}

}  // namespace postern::gateway
