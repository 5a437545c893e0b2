#include "gateway/shell/daemon.h"

#include <net/if.h>
#include <unistd.h>

#include <csignal>

#include <fmt/format.h>

#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "ecshm/writer.h"
#include "gateway/api/api.h"
#include "gateway/cli/endpoint_view.h"
#include "gateway/cli/operations.h"
#include "gateway/cli/server.h"
#include "gateway/config/store.h"
#include "gateway/core/gateway_core.h"
#include "gateway/core/view_cache.h"
#include "gateway/firewall/firewall.h"
#include "gateway/neighbours/watch.h"
#include "gateway/shell/api_listener.h"
#include "gateway/shell/device.h"
#include "gateway/shell/first_admin.h"
#include "gateway/shell/proxy_plan.h"
#include "gateway/shell/trust.h"
#include "gateway/ztna/module_channel.h"
#include "gateway/ztna/nginx_process.h"
#include "gateway/ztna/shm_actions.h"
#include "gateway/ztna/traffic_log.h"
#include "net/client.h"
#include "pki/certificate.h"
#include "policy/compile.h"

namespace postern::gateway {
namespace {

std::string read_boot_id() {
  const auto id = read_file("/proc/sys/kernel/random/boot_id", 64);
  // Not a regular file on every kernel: without it the wall clock decides, which is the stricter way.
  return id ? std::string(trim(*id)) : std::string();
}

std::string machine_name() {
  char name[256] = {};
  gethostname(name, sizeof name - 1);
  return name;
}

class Daemon final : public cli::GatewayOperations {
 public:
  Daemon(net::Loop& loop, DaemonOptions options) : loop_(loop), options_(std::move(options)) {}

  Status start();
  void stop();

  std::vector<cli::ConnectorStatus> connectors() override;
  std::vector<cli::EndpointView> matched_endpoints() override;
  std::vector<cli::DynamicAddress> dynamic_addresses() override;
  cli::SystemStatus system_status() override;
  std::map<std::string, config::Value> live_values(const config::ObjectPath& path) override;
  std::vector<std::string> interface_names() override;
  void test_connectivity(ConnectorId id, Done done) override;
  void present_certificate(ConnectorId id, Presented done) override;
  void accept_certificate(ConnectorId id, const Sha256& fingerprint, Done done) override;
  Status forget_certificate(ConnectorId id) override;
  void offload(std::function<void()> blocking, std::function<void()> done) override {
    loop_.offload(std::move(blocking), std::move(done));
  }

 private:
  struct Channel {
    net::Handle opening;
    net::WebSocketPtr socket;
    bool changed_certificate = false;  // shown since the last acceptance
    std::optional<Sha256> ztna_key;
    std::optional<WallTime> stale_since;
    net::Handle asking;
  };

  Now now() const { return clock_.now(); }
  std::filesystem::path view_path(ConnectorId id) const { return options_.data_dir / fmt::format("ems{}.view", id); }
  std::filesystem::path ca_path(ConnectorId id) const { return options_.data_dir / fmt::format("ems{}.ca.pem", id); }
  const config::FctemsConfig* connector_config(ConnectorId id) const;
  net::Target target_of(const config::FctemsConfig& config) const;

  Status open_api();
  void configure();
  void pump();
  void act_on(act::Action& action);
  void open_channel(ConnectorId id);
  void keep_ca(ConnectorId id);
  void publish_policies();
  void reload_nginx();
  void save_views();
  firewall::AddressEntry firewall_entry(const AddressState& state) const;
  void refresh_firewall_tags();
  TrafficNames describe(const ecshm::Event& event) const;

  net::Loop& loop_;
  DaemonOptions options_;
  SystemClock clock_;
  SystemRandom random_;
  Device device_;
  std::unique_ptr<config::ConfigStore> store_;
  config::GatewayConfig config_;
  std::unique_ptr<GatewayCore> core_;
  std::unique_ptr<ecshm::Writer> shm_;
  std::unique_ptr<ModuleChannel> modules_;
  std::unique_ptr<NginxProcess> nginx_;
  std::unique_ptr<TrafficLog> traffic_;
  std::unique_ptr<firewall::Firewall> firewall_;
  std::unique_ptr<NetworkWatch> watch_;
  std::unique_ptr<cli::CliServer> cli_;
  std::unique_ptr<Api> api_;
  std::unique_ptr<ApiListener> listener_;
  std::map<ConnectorId, Channel> channels_;
  ProxyPlan plan_;
  std::string nginx_text_;
  bool nginx_busy_ = false;
  bool nginx_again_ = false;
  bool firewall_dirty_ = false;
  bool firewall_ready_ = false;
  bool policies_dirty_ = false;
  bool pumping_ = false;
  std::vector<Sha256> answers_;
  std::set<ConnectorId> unsaved_;
  net::Handle tick_, saver_;
};

// ---- start and end

Status Daemon::start() {
  auto device = load_device(options_.data_dir, now().wall, random_);
  if (!device) return fail(device.error());
  device_ = std::move(*device);
  if (auto made = make_directories(options_.runtime_dir, 0755); !made) return made;
  auto store = config::ConfigStore::open(config::gateway_schema(), options_.data_dir / "gateway.conf");
  if (!store) return fail(store.error());
  store_ = std::move(*store);
  if (auto made = ensure_administrator(*store_, options_.data_dir, random_); !made) return made;
  config_ = config::read_config(*store_->current());

  NginxOptions nginx;
  nginx.binary = options_.nginx_binary;
  nginx.dir = options_.runtime_dir / "nginx";
  nginx.user = ::geteuid() == 0 ? options_.nginx_user : std::string();
  const auto user = find_nginx_user(nginx);
  if (!user) return fail(user.error());
  ecshm::WriterOptions shm;
  shm.reader_group = user->gid;
  auto writer = ecshm::Writer::create(options_.runtime_dir / "shm", shm);
  if (!writer) return fail(writer.error());
  shm_ = std::move(*writer);
  auto traffic = TrafficLog::open(options_.data_dir / "traffic.log", [this](const ecshm::Event& e) { return describe(e); });
  if (!traffic) return fail(traffic.error());
  traffic_ = std::move(*traffic);

  const auto host = config_.global.hostname.empty() ? machine_name() : config_.global.hostname;
  proto::FabricIdentity identity{device_.serial, host, POSTERN_VERSION, ""};
  if (!config_.global.management_host.empty()) {
    identity.management_url = fmt::format("https://{}:{}", config_.global.management_host, config_.global.management_port);
  }
  core_ = std::make_unique<GatewayCore>(identity, random_);

  if (options_.firewall) {
    auto opened = firewall::Firewall::open();
    if (!opened) return fail(opened.error().context("firewall (--no-firewall runs without IP/MAC control)"));
    firewall_ = std::move(*opened);
    NetworkEvents events;
    events.interfaces = [this](std::vector<LocalInterface> list) {
      core_->set_interfaces(std::move(list));
      pump();
    };
    events.neighbour = [this](const NeighbourKey& key, const Neighbour& neighbour) {
      core_->set_neighbour(key, neighbour);
      pump();
    };
    events.neighbour_gone = [this](const NeighbourKey& key) {
      core_->remove_neighbour(key);
      pump();
    };
    auto watch = NetworkWatch::open(loop_, std::move(events));
    if (!watch) return fail(watch.error());
    watch_ = std::move(*watch);
  }

  configure();
  // What was kept across a restart is filled in before nginx sees the new table.
  const auto boot_id = read_boot_id();
  for (const auto& c : config_.connectors) {
    const auto bytes = read_file(view_path(c.id), 1u << 30);
    if (!bytes || !c.enabled) continue;
    auto cached = decode_cached_view(*bytes);
    if (!cached) {
      log_warning("view.damaged", cached.error().message, {{"connector", std::to_string(c.id)}});
      continue;
    }
    const auto until = cached_view_deadline(*cached, now(), boot_id, c.out_of_sync_threshold);
    core_->restore(c.id, cached->epoch, cached->revision, std::move(cached->view), until);
  }
  pump();
  if (auto published = shm_->publish(); !published) return published;

  auto modules = ModuleChannel::open(loop_, options_.runtime_dir / "shm", {user->gid, {user->uid}},
                                     {[this](const Sha256& leaf) {
                                        core_->on_unknown_certificate(now(), leaf);
                                        pump();
                                      },
                                      [this](const ecshm::Event& event) { traffic_->append(event); },
                                      [this](const Sha256& leaf, int change) { core_->on_session(now(), leaf, change); }});
  if (!modules) return fail(modules.error());
  modules_ = std::move(*modules);
  shm_->on_notify = [this] { modules_->wake(); };
  auto process = NginxProcess::create(loop_, nginx);
  if (!process) return fail(process.error());
  nginx_ = std::move(*process);
  nginx_->on_died = [] { log_warning("nginx.died", "nginx ended by itself and is started again"); };

  if (auto opened = open_api(); !opened) return opened;
  store_->observe([this](const config::ConfigTree&, const config::ConfigTree& after) {
    config_ = config::read_config(after);
    if (auto moved = listener_->use_prepared(); !moved) log_error("api.runtime_file", moved.error().message);
    configure();
    reload_nginx();
    pump();
  });
  auto served = cli::CliServer::listen(loop_, cli_socket(options_.runtime_dir).native(), [this](const net::PeerCredentials&) {
    return std::make_unique<cli::CliSession>(*store_, *this, random_);
  });
  if (!served) return fail(served.error());
  cli_ = std::move(*served);
  reload_nginx();
  tick_ = loop_.every(std::chrono::milliseconds(100), [this] {
    core_->on_tick(now());
    pump();
  });
  saver_ = loop_.every(std::chrono::seconds(1), [this] { save_views(); });
  log_info("gateway.started", "the gateway runs", {{"serial", device_.serial.str()}});
  return {};
}

Status Daemon::open_api() {
  const auto address = parse_listen_address(options_.api_listen);
  if (!address) return fail(address.error().context("--api-listen"));
  api_ = std::make_unique<Api>(*store_, *this, clock_, random_);
  listener_ = std::make_unique<ApiListener>(
      loop_,
      ApiListener::Options{*address,
                           {device_.server_chain_pem, device_.server_key_pem},
                           options_.runtime_dir / "runtime.json",
                           device_.serial},
      [this](net::HttpRequest request, net::HttpResponder respond) { api_->handle(std::move(request), std::move(respond)); });
  if (auto prepared = listener_->prepare(config_.global.admin_port); !prepared) return prepared;
  store_->add_check([this](const config::ConfigTree& next) {
    return listener_->prepare(static_cast<std::uint16_t>(next.single("system global").integer("admin-sport")));
  });
  return listener_->use_prepared();
}

void Daemon::stop() {
  // nginx ends with a deliberate end; without the lease it would deny what depends on tags anyway.
  save_views();
  if (nginx_) nginx_->stop();
  if (firewall_) {
    if (auto removed = firewall_->remove(); !removed) log_warning("firewall.remove", removed.error().message);
  }
}

// ---- configuration

const config::FctemsConfig* Daemon::connector_config(ConnectorId id) const {
  for (const auto& c : config_.connectors) {
    if (c.id == id) return &c;
  }
  return nullptr;
}

void Daemon::configure() {
  std::vector<ConnectorSettings> settings;
  for (const auto& c : config_.connectors) {
    settings.push_back({c.id, c.enabled, c.name, c.server, c.https_port, c.out_of_sync_threshold, c.serial});
  }
  core_->set_connectors(now(), settings);
  for (const auto& c : config_.connectors) {
    core_->set_trusted(now(), c.id, c.fingerprint.has_value() && !channels_[c.id].changed_certificate);
  }
  const auto used = firewall::used_tags(config_);
  core_->set_policy_tags({used.begin(), used.end()});
  if (firewall_) {
    firewall_->model().set_policies(firewall::compile_policies(config_));
    firewall_dirty_ = true;
  }
  policies_dirty_ = true;
}

void Daemon::publish_policies() {
  plan_ = plan_proxies(config_, core_->tags());
  auto blob = policy::compile(plan_.table);
  if (!blob) {
    log_error("policies.refused", blob.error().message);
    return;
  }
  if (auto published = shm_->publish_policies(*blob); !published) log_error("policies.publish", published.error().message);
}

void Daemon::reload_nginx() {
  if (!nginx_) return;
  if (nginx_busy_) {
    nginx_again_ = true;
    return;
  }
  NginxConfig out;
  out.module_path = options_.module_path;
  out.runtime_dir = (options_.runtime_dir / "shm").native();
  out.state_dir = nginx_->state_dir().native();
  out.workers = options_.nginx_workers;
  out.pools = plan_.pools;
  std::string bundle;
  for (const auto& c : config_.connectors) {
    if (const auto pem = read_file(ca_path(c.id), 1 << 20)) bundle += *pem;
  }
  if (!bundle.empty()) {
    auto path = nginx_->install("ztna-ca.pem", bundle);
    if (path) out.client_ca_path = *path;
  }
  for (std::size_t i = 0; i < plan_.listeners.size(); ++i) {
    auto listener = plan_.listeners[i];
    std::string chain = device_.server_chain_pem, key = device_.server_key_pem;
    if (const auto* own = config::find_named(config_.certificates, plan_.listener_certificates[i])) {
      const auto load = [](const std::string& value) -> Result<std::string> {
        if (value.empty() || value[0] != '/') return value;
        return read_file(value, 1 << 20);
      };
      const auto c = load(own->certificate);
      const auto k = load(own->private_key);
      if (!c || !k) {
        log_error("certificate.unreadable", (c ? k : c).error().message, {{"certificate", own->name}});
        continue;
      }
      chain = *c;
      key = *k;
    }
    const auto cert_path = nginx_->install(fmt::format("listener{}.crt", listener.proxy), chain);
    const auto key_path = nginx_->install(fmt::format("listener{}.key", listener.proxy), key);
    if (!cert_path || !key_path) continue;
    listener.certificate_path = *cert_path;
    listener.key_path = *key_path;
    out.listeners.push_back(std::move(listener));
  }
  auto text = render_nginx_config(out);
  if (!text) {
    log_error("nginx.configuration", text.error().message);
    return;
  }
  // The files installed count, too.
  const auto fingerprint = *text + bundle;
  if (fingerprint == nginx_text_) return;
  nginx_text_ = fingerprint;
  nginx_busy_ = true;
  nginx_->apply(std::move(*text), [this](Status applied) {
    nginx_busy_ = false;
    if (!applied) {
      log_error("nginx.refused", applied.error().message);
      nginx_text_.clear();
    }
    if (std::exchange(nginx_again_, false)) reload_nginx();
  });
}

// ---- actions

void Daemon::pump() {
  if (std::exchange(pumping_, true)) return;
  for (auto actions = core_->take_actions(); !actions.empty(); actions = core_->take_actions()) {
    for (auto& action : actions) act_on(action);
  }
  if (std::exchange(policies_dirty_, false)) {
    publish_policies();
    reload_nginx();
  }
  shm_->notify();
  for (const auto& leaf : std::exchange(answers_, {})) {
    if (modules_) modules_->answer(leaf);
  }
  if (firewall_ && std::exchange(firewall_dirty_, false)) {
    if (auto applied = firewall_->apply(); !applied) {
      firewall_dirty_ = true;
      log_error("firewall.apply", applied.error().message);
    } else {
      firewall_ready_ = true;
      if (auto cleanup = firewall_->take_cleanup()) loop_.offload(std::move(cleanup), [] {});
    }
  }
  pumping_ = false;
}

firewall::AddressEntry Daemon::firewall_entry(const AddressState& state) const {
  firewall::AddressEntry entry{state.ip, state.mac, state.interface, {}, {}};
  for (const auto& [name, tag] : core_->tags().entries()) {
    if (state.tags[tag.bit]) entry.tags.insert(name);
    if (state.known[tag.bit] || (tag.info && tag.info->on_unknown_ignore)) entry.known.insert(name);
  }
  return entry;
}

void Daemon::refresh_firewall_tags() {
  std::set<std::string> names;
  for (const auto& [name, tag] : core_->tags().entries()) {
    if (tag.info) names.insert(name);
  }
  firewall_->model().set_tags(std::move(names));
  for (const auto& [ip, state] : core_->addresses()) firewall_->model().upsert(firewall_entry(state));
  firewall_dirty_ = true;
}

void Daemon::act_on(act::Action& action) {
  if (auto applied = apply_to_shm(*shm_, action); !applied) log_error("ecshm.full", applied.error().message);
  if (auto* a = std::get_if<act::Connect>(&action)) {
    open_channel(a->id);
  } else if (auto* send = std::get_if<act::Send>(&action)) {
    if (auto& socket = channels_[send->id].socket) socket->send(std::move(send->bytes));
  } else if (auto* bye = std::get_if<act::Disconnect>(&action)) {
    auto& channel = channels_[bye->id];
    channel.opening.cancel();
    if (channel.socket) {
      channel.socket->on_close = nullptr;
      channel.socket->close(1000, bye->reason);
      channel.socket.reset();
    }
  } else if (auto* changed = std::get_if<act::ConnectorChanged>(&action)) {
    const auto it = core_->connectors().find(changed->id);
    auto& channel = channels_[changed->id];
    if (it == core_->connectors().end() || !it->second.stale) {
      channel.stale_since.reset();
    } else if (!channel.stale_since && it->second.valid_until) {
      channel.stale_since = now().wall;
    }
    keep_ca(changed->id);
  } else if (auto* pin = std::get_if<act::PinSerial>(&action)) {
    const auto* c = connector_config(pin->id);
    if (c != nullptr && c->serial.empty()) {
      // After this turn: committing calls back into the configuration.
      loop_.post([this, id = pin->id, serial = pin->serial] {
        auto t = store_->begin(config::Actor::kGateway);
        const config::ObjectPath path{{"endpoint-control fctems", std::to_string(id)}};
        auto set = t.set(path, "serial-number", {serial.str()});
        if (set) set = store_->commit(t);
        if (!set) log_error("connector.pin", set.error().message);
      });
    }
  } else if (auto* lease = std::get_if<act::Lease>(&action)) {
    (void)lease;
    if (firewall_ && firewall_ready_) {
      if (auto renewed = firewall_->renew(static_cast<unsigned>(GatewayCore::kLease.count())); !renewed) {
        log_error("firewall.lease", renewed.error().message);
      }
    }
  } else if (auto* address = std::get_if<act::AddressUpsert>(&action)) {
    if (firewall_) {
      firewall_->model().upsert(firewall_entry(address->state));
      firewall_dirty_ = true;
    }
  } else if (auto* gone = std::get_if<act::AddressRemove>(&action)) {
    if (firewall_) {
      firewall_->model().remove(gone->ip);
      firewall_dirty_ = true;
    }
  } else if (auto* ask = std::get_if<act::AskNeighbour>(&action)) {
    if (watch_) {
      if (watch_->probe(ask->key)) {
        core_->set_neighbour(ask->key, {Neighbour::State::kAsking, {}});
      } else {
        core_->set_neighbour(ask->key, {Neighbour::State::kAbsent, {}});
      }
    }
  } else if (auto* answer = std::get_if<act::Answer>(&action)) {
    answers_.push_back(answer->leaf);
  } else if (std::holds_alternative<act::TagsChanged>(action)) {
    policies_dirty_ = true;
    if (firewall_) refresh_firewall_tags();
  } else if (auto* save = std::get_if<act::SaveView>(&action)) {
    unsaved_.insert(save->id);
  } else if (auto* alert = std::get_if<act::Alert>(&action)) {
    log_warning(alert->event, alert->message);
  }
}

net::Target Daemon::target_of(const config::FctemsConfig& config) const {
  net::Target target;
  target.host = config.server;
  target.port = config.https_port;
  target.timeout = std::chrono::duration_cast<std::chrono::milliseconds>(config.call_timeout);
  if (config.source_ip.valid()) target.source_ip = config.source_ip.str();
  return target;
}

void Daemon::open_channel(ConnectorId id) {
  const auto* config = connector_config(id);
  if (config == nullptr) return;
  auto target = target_of(*config);
  target.tls.identity = net::TlsIdentity{device_.certificate_pem, device_.key_pem};
  target.tls.alpn = "postern-fabric/1";
  target.tls.check_name = false;  // the accepted certificate or its issuer's key is the identity
  const AcceptedCertificate accepted{config->fingerprint, config->issuer_key, config->trust_ca_cn};
  auto changed = std::make_shared<bool>(false);
  target.tls.accept_peer = [accepted, changed](const net::PeerIdentity& peer) {
    const auto trust = judge_certificate(accepted, peer.chain_der);
    *changed = trust == Trust::kChanged;
    return trust == Trust::kSame || trust == Trust::kRenewed;
  };
  net::WebSocketLimits limits;
  limits.max_message = 64u << 20;
  channels_[id].opening = net::open_websocket(
      loop_, std::move(target), "/fabric",
      [this, id, changed](Result<net::WebSocketPtr> opened) {
        auto& channel = channels_[id];
        if (!opened) {
          log_warning("fabric.unreachable", opened.error().message, {{"connector", std::to_string(id)}});
          core_->on_disconnected(now(), id, opened.error().message);
          if (*changed) {
            channel.changed_certificate = true;
            log_warning("fabric.certificate_changed",
                        fmt::format("the EMS shows another certificate than the one accepted: stopped; look at it with "
                                    "\"execute fctems verify {}\"", id));
            core_->set_trusted(now(), id, false);
          }
          pump();
          return;
        }
        channel.socket = *opened;
        channel.socket->on_message = [this, id](ByteView bytes) {
          core_->on_frame(now(), id, bytes);
          pump();
        };
        channel.socket->on_close = [this, id](std::uint16_t, std::string reason) {
          channels_[id].socket.reset();
          core_->on_disconnected(now(), id, reason.empty() ? "the EMS closed the connection" : reason);
          pump();
        };
        core_->on_connected(now(), id);
        pump();
      },
      limits);
}

void Daemon::keep_ca(ConnectorId id) {
  const auto it = core_->connectors().find(id);
  if (it == core_->connectors().end()) return;
  const auto& status = it->second.client->status();
  if (status.ztna_ca_der.empty()) return;
  std::string pem = pki::to_pem(status.ztna_ca_der);
  for (const auto& der : status.ztna_ca_chain_der) pem += pki::to_pem(der);
  if (const auto info = pki::parse_certificate(status.ztna_ca_der)) channels_[id].ztna_key = info->public_key_sha256;
  const auto kept = read_file(ca_path(id), 1 << 20);
  if (kept && *kept == pem) return;
  if (auto written = write_file_atomic(ca_path(id), pem); !written) {
    log_error("connector.ca", written.error().message);
    return;
  }
  reload_nginx();
}

void Daemon::save_views() {
  for (const auto& [id, c] : core_->connectors()) {
    const auto& contact = c.client->last_contact();
    if (!contact) continue;
    // The last contact moves on although nothing changed; ten seconds' worth of it may be lost.
    const bool old = now().mono - contact->mono < Seconds(1) && to_unix_ms(now().wall) / 1000 % 10 == 0;
    if (!unsaved_.contains(id) && !old) continue;
    CachedView cached{c.client->epoch(), c.client->revision(), c.client->view(), *contact, read_boot_id()};
    if (auto written = write_file_atomic(view_path(id), encode_cached_view(cached)); !written) {
      log_error("view.save", written.error().message);
      continue;
    }
    unsaved_.erase(id);
  }
}

TrafficNames Daemon::describe(const ecshm::Event& event) const {
  TrafficNames names;
  if (event.leaf) {
    const auto slot = core_->slots().find(*event.leaf);
    if (slot != core_->slots().end()) {
      const auto record = core_->records().find(slot->second.owner);
      names.endpoint_uid = slot->second.owner.uid.str();
      if (record != core_->records().end()) {
        names.host_name = record->second.host_name;
        names.ems_serial = record->second.ems_serial.str();
      }
    }
  }
  if (const auto it = plan_.proxy_names.find(event.proxy); it != plan_.proxy_names.end()) names.proxy = it->second;
  if (const auto it = plan_.policy_names.find(event.policy); it != plan_.policy_names.end()) names.policy = it->second;
  for (const auto& [name, tag] : core_->tags().entries()) {
    if (event.tags.test(tag.bit)) names.tags.push_back(name);
  }
  return names;
}

// ---- what the command line asks

std::vector<cli::ConnectorStatus> Daemon::connectors() {
  std::vector<cli::ConnectorStatus> out;
  for (const auto& config : config_.connectors) {
    cli::ConnectorStatus status;
    status.id = config.id;
    status.name = config.name;
    auto& channel = channels_[config.id];
    status.certificate_accepted = config.fingerprint.has_value() && !channel.changed_certificate;
    const auto it = core_->connectors().find(config.id);
    if (it != core_->connectors().end()) {
      const auto& client = *it->second.client;
      const auto& said = client.status();
      using State = proto::FabricStatusInfo::State;
      status.ems_serial = said.ems_serial.empty() ? config.serial : said.ems_serial;
      status.tenant = said.tenant;
      status.capabilities_known = client.connected() && !said.capabilities.empty();
      status.identity_verified = client.connected();
      if (it->second.mismatched_serial) {
        status.channel_state = "stopped: another EMS answers";
      } else if (channel.changed_certificate) {
        status.channel_state = "stopped: certificate changed";
      } else if (client.connected() && said.state == State::kAuthorised) {
        status.channel_state = "connected";
      } else if (client.connected() && said.state == State::kPending) {
        status.channel_state = "pending";
      } else if (client.connected() && said.state != State::kNone) {
        status.channel_state = said.state == State::kConflict ? "stopped: serial number conflict" : "refused";
      } else if (config.enabled && status.certificate_accepted) {
        status.channel_state = "connecting";
      }
    }
    status.ztna_key = channel.ztna_key;
    status.stale_since = channel.stale_since;
    out.push_back(std::move(status));
  }
  return out;
}

std::vector<cli::EndpointView> Daemon::matched_endpoints() {
  std::vector<cli::EndpointView> out;
  for (const auto& [key, record] : core_->records()) {
    if (core_->matched(record)) out.push_back(cli::make_endpoint_view(record, core_->resolver(), device_.serial));
  }
  return out;
}

std::vector<cli::DynamicAddress> Daemon::dynamic_addresses() {
  std::map<std::pair<ConnectorId, std::uint32_t>, cli::DynamicAddress> sorted;
  for (const auto& [name, tag] : core_->tags().entries()) {
    if (!tag.info) continue;
    cli::DynamicAddress address{name, tag.info->name.str(), tag.info->id, {}};
    for (const auto& [ip, state] : core_->addresses()) {
      if (state.tags[tag.bit]) address.addresses.push_back(ip);
    }
    sorted[{tag.connector, tag.info->id}] = std::move(address);
  }
  std::vector<cli::DynamicAddress> out;
  for (auto& [key, address] : sorted) out.push_back(std::move(address));
  return out;
}

cli::SystemStatus Daemon::system_status() {
  return {POSTERN_VERSION, device_.serial, config_.global.hostname.empty() ? machine_name() : config_.global.hostname,
          device_.key_sha256, core_->live_sessions()};
}

std::vector<std::string> Daemon::interface_names() {
  std::vector<std::string> out;
  if (watch_) {
    for (const auto& interface : watch_->interfaces()) out.push_back(interface.name);
  }
  return out;
}

std::map<std::string, config::Value> Daemon::live_values(const config::ObjectPath& path) {
  std::map<std::string, config::Value> out;
  if (path.size() != 1) return out;
  if (path[0].table == "system interface" && watch_) {
    for (const auto& interface : watch_->interfaces()) {
      if (interface.name != path[0].key) continue;
      config::Value addresses;
      for (const auto& a : interface.addresses) addresses.push_back(fmt::format("{}/{}", a.ip.str(), a.prefix));
      if (!addresses.empty()) out["ip"] = std::move(addresses);
      if (interface.mac.valid()) out["mac"] = {interface.mac.str()};
    }
    for (const auto& link : watch_->links()) {
      if (link.name == path[0].key) out["status"] = {link.up ? "up" : "down"};
    }
  }
  if (path[0].table == "endpoint-control fctems") {
    const auto it = core_->connectors().find(static_cast<ConnectorId>(parse_u64(path[0].key).value_or(0)));
    if (it == core_->connectors().end()) return out;
    if (!it->second.client->status().capabilities.empty()) out["capabilities"] = it->second.client->status().capabilities;
    if (it->second.mismatched_serial) out["dirty-reason"] = {"mismatched-ems-sn"};
  }
  return out;
}

void Daemon::test_connectivity(ConnectorId id, Done done) {
  const auto it = core_->connectors().find(id);
  if (it == core_->connectors().end()) {
    done(fail(ErrorCode::kNotFound, fmt::format("EMS {} is not configured (config endpoint-control fctems)", id)));
    return;
  }
  const auto* config = connector_config(id);
  const AcceptedCertificate accepted{config->fingerprint, config->issuer_key, config->trust_ca_cn};
  // The state of the standing connection is not enough: the whole way is tried anew.
  channels_[id].asking = net::probe_certificate(
      loop_, target_of(*config), [this, id, accepted, done = std::move(done)](Result<net::PeerIdentity> peer) {
        if (!peer) return done(fail(peer.error()));
        switch (judge_certificate(accepted, peer->chain_der)) {
          case Trust::kNothingAccepted:
            return done(fail(ErrorCode::kUnauthenticated,
                             fmt::format("the EMS certificate has not been accepted yet: execute fctems verify {}", id)));
          case Trust::kChanged:
            return done(fail(ErrorCode::kConflict, fmt::format("the EMS shows another certificate than the one accepted: "
                                                               "execute fctems verify {}", id)));
          case Trust::kSame:
          case Trust::kRenewed: break;
        }
        const auto found = core_->connectors().find(id);
        if (found == core_->connectors().end()) return done(fail(ErrorCode::kNotFound, "the connector was removed"));
        using State = proto::FabricStatusInfo::State;
        const auto& client = *found->second.client;
        if (found->second.mismatched_serial) return done(fail(ErrorCode::kConflict, "another EMS answers at this address"));
        if (!found->second.settings.enabled) return done(fail(ErrorCode::kConflict, "the connector's status is disable"));
        if (!client.connected()) return done(fail(ErrorCode::kUnavailable, "the fabric channel is not connected: " + client.last_error()));
        switch (client.status().state) {
          case State::kAuthorised: return done({});
          case State::kPending:
            return done(fail(ErrorCode::kPermissionDenied,
                             fmt::format("this gateway is not authorised on the EMS yet: an administrator authorises it at "
                                         "https://{}:{}{} or under Fabric & Connectors > Fabric Devices",
                                         found->second.settings.server, found->second.settings.port,
                                         client.status().authorise_path)));
          case State::kConflict:
            return done(fail(ErrorCode::kConflict, "the EMS knows another gateway by this serial number"));
          default: return done(fail(ErrorCode::kPermissionDenied, "the EMS refuses this gateway"));
        }
      });
}

void Daemon::present_certificate(ConnectorId id, Presented done) {
  const auto* config = connector_config(id);
  if (config == nullptr || config->server.empty()) {
    done(fail(ErrorCode::kNotFound, fmt::format("EMS {} has no server (config endpoint-control fctems)", id)));
    return;
  }
  channels_[id].asking = net::probe_certificate(
      loop_, target_of(*config), [accepted = config->fingerprint, done = std::move(done)](Result<net::PeerIdentity> peer) {
        if (!peer) return done(fail(peer.error()));
        const auto info = pki::parse_certificate(peer->chain_der.at(0));
        if (!info) return done(fail(info.error()));
        done(cli::PresentedCertificate{info->subject, info->issuer, info->not_before, info->not_after, info->serial.str(),
                                       info->sha256, accepted == info->sha256});
      });
}

void Daemon::accept_certificate(ConnectorId id, const Sha256& fingerprint, Done done) {
  const auto* config = connector_config(id);
  if (config == nullptr || config->server.empty()) {
    done(fail(ErrorCode::kNotFound, fmt::format("EMS {} has no server (config endpoint-control fctems)", id)));
    return;
  }
  channels_[id].asking = net::probe_certificate(
      loop_, target_of(*config), [this, id, fingerprint, done = std::move(done)](Result<net::PeerIdentity> peer) {
        if (!peer) return done(fail(peer.error()));
        if (sha256(peer->chain_der.at(0)) != fingerprint) {
          return done(fail(ErrorCode::kConflict, "the EMS shows another certificate, with fingerprint " +
                                                     pki::fingerprint_text(sha256(peer->chain_der.at(0)))));
        }
        auto t = store_->begin(config::Actor::kGateway);
        const config::ObjectPath path{{"endpoint-control fctems", std::to_string(id)}};
        auto set = t.set(path, "certificate-fingerprint", {to_hex_lower(fingerprint)});
        if (set) {
          const auto issuer = issuer_key_of(peer->chain_der);
          set = issuer ? t.set(path, "certificate-issuer-key", {to_hex_lower(*issuer)}) : t.unset(path, "certificate-issuer-key");
        }
        channels_[id].changed_certificate = false;
        if (set) set = store_->commit(t);
        // The same certificate as before changes nothing in the configuration, but may lift a stop.
        core_->set_trusted(now(), id, set.has_value());
        pump();
        done(set);
      });
}

Status Daemon::forget_certificate(ConnectorId id) {
  auto t = store_->begin(config::Actor::kGateway);
  const config::ObjectPath path{{"endpoint-control fctems", std::to_string(id)}};
  if (auto unset = t.unset(path, "certificate-fingerprint"); !unset) return unset;
  if (auto unset = t.unset(path, "certificate-issuer-key"); !unset) return unset;
  return store_->commit(t);
}

}  // namespace

std::filesystem::path cli_socket(const std::filesystem::path& runtime_dir) { return runtime_dir / "cli.sock"; }

int run_gateway(const DaemonOptions& options) {
  net::Loop loop;
  Daemon daemon(loop, options);
  if (auto started = daemon.start(); !started) {
    log_error("gateway.start", started.error().message);
    return 1;
  }
  auto signals = loop.on_signal({SIGTERM, SIGINT}, [&](int) { loop.stop(); });
  loop.run();
  daemon.stop();
  log_info("gateway.stopped", "the gateway has stopped");
  return 0;
}

}  // namespace postern::gateway
