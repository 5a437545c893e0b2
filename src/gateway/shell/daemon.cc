#include "gateway/shell/daemon_impl.h"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <set>

#include <fmt/format.h>

#include "base/file.h"
#include "base/log.h"
#include "base/open_files.h"
#include "gateway/forward/forwarder_limits.h"
#include "gateway/shell/first_admin.h"
#include "gateway/shell/policy_parts.h"
#include "gateway/ztna/shm_actions.h"

namespace postern::gateway {
namespace {

/// In the runtime directory: which real servers open sessions go to.
constexpr const char* kLedTo = "led-to";

}  // namespace

// ---- start and end

Status Daemon::start() {
  counted_.started = context_.now().wall;
  // nginx inherits it.
  if (const auto files = raise_open_files(kOpenFilesOfNginx); files < kOpenFilesOfNginx) {
    log_warning("gateway.open_files",
                fmt::format("open files are limited to {}: each worker of nginx takes as many connections less some, two of them for a "
                            "request; set a higher limit (LimitNOFILE={} of its service, or ulimit -Hn)",
                            files, open_files_for_forwarder()));
  }
  if (auto loaded = load(); !loaded) {
    // Where a gateway should run and doesn't, nothing is forwarded.
    if (context_.options.firewall) (void)firewall::Firewall::open();
    return loaded;
  }
  if (auto opened = open_data_plane(); !opened) return opened;
  make_core();
  if (auto opened = open_network(); !opened) return opened;
  const auto led_to = read_file(context_.options.runtime_dir / kLedTo, ServersLedTo::kMaxText);
  if (auto taken = led_to ? led_.take(*led_to) : Status(fail(led_to.error())); !taken && taken.error().code != ErrorCode::kNotFound) {
    log_error("sessions.led-to", taken.error().message + "; if real servers were taken out just now: diagnose ztna session clear all");
  }
  configure();
  // What was kept across a restart is filled in before nginx sees the new table.
  views_.restore();
  context_.core->on_tick(context_.now());
  if (watch_) pins_.restore(*watch_);
  pump();
  // What a gateway before this one pinned, and nobody claims any more.
  if (watch_) {
    for (const auto& key : watch_->pinned()) {
      if (!context_.core->resolver().pinned(key)) unpin(key);
    }
  }
  if (auto published = shm_->publish(); !published) return published;
  auto modules = ModuleChannel::open(
      context_.loop, context_.options.runtime_dir / "shm", {nginx_user_.gid, {nginx_user_.uid}},
      {[this](const Sha256& leaf) {
         context_.core->on_unknown_certificate(context_.now(), leaf);
         pump();
       },
       [this](const ecshm::EventView& event) {
         counted_.take(event);
         traffic_->add(event);
       },
       [this](const Sha256& leaf, const SessionPlace& place, int change) {
         context_.core->on_session(context_.now(), leaf, place, change);
         if (change > 0) {
           led_.began(place);
           await_led_away();
         }
       },
       [this] { traffic_->flush(); },
       [this](std::uint64_t worker, const ecshm::ServerTally& tally) { servers_->counts().take(worker, tally); },
       [this](std::uint64_t worker) { servers_->counts().gone(worker); },
       [this](const SessionPlace& place, int change) {
         led_.stranger(place, change);
         await_led_away();
       }});
  if (!modules) return fail(modules.error());
  modules_ = std::move(*modules);
  await_led_away();
  shm_->on_notify = [this] { modules_->wake(); };
  tell_decisions();
  decisions_ = context_.loop.every(std::chrono::seconds(1), [this] {
    tell_decisions();
    traffic_->look();
  });
  rotated_ = context_.loop.on_signal({SIGHUP}, [this](int) { traffic_->look(); });
  if (auto opened = open_administration(); !opened) return opened;
  nginx_->start();
  tick_ = context_.loop.every(std::chrono::milliseconds(100), [this] {
    follow_clock();
    context_.core->on_tick(context_.now());
    pump();
  });
  saver_ = context_.loop.every(std::chrono::milliseconds(20), [this] {
    views_.save();
    pins_.save();
  });
  log_info("gateway.started", "the gateway runs", {{"serial", context_.device.serial.str()}});
  return {};
}

Status Daemon::load() {
  const auto& options = context_.options;
  auto device = load_device(options.data_dir, context_.now().wall, context_.random);
  if (!device) return fail(device.error());
  context_.device = std::move(*device);
  for (const auto& path : exposed_files(options.data_dir)) {
    log_warning("gateway.exposed", path + ": others than its owner may read or change it, and so speak for this gateway: take that from them "
                                          "(chmod go-rwx), and think of its keys as known");
  }
  if (auto made = make_directories(options.runtime_dir, 0755); !made) return made;
  auto store = config::ConfigStore::open(config::gateway_schema(), options.data_dir / "gateway.conf");
  if (!store) return fail(store.error());
  context_.store = std::move(*store);
  if (auto made = ensure_administrator(*context_.store, options.data_dir, context_.random); !made) return made;
  read_configuration();
  return {};
}

/// The configuration in force at this minute.
void Daemon::read_configuration() {
  context_.config = config::read_config(*context_.store->current());
  minute_ = config::local_minute(context_.now().wall);
  config::keep_schedules(context_.config, minute_);
}

/// Policies begin and end to hold with the minute.
void Daemon::follow_clock() {
  const auto minute = config::local_minute(context_.now().wall);
  if (minute == minute_) return;
  const auto before = std::exchange(minute_, minute);
  if (config::same_policies_hold(config::read_config(*context_.store->current()), before, minute)) return;
  read_configuration();
  log_info("policies.schedule", "policies begin or end to hold by their schedules");
  configure();
}

Status Daemon::open_data_plane() {
  const auto& options = context_.options;
  NginxOptions nginx;
  nginx.binary = options.nginx_binary;
  nginx.dir = options.runtime_dir / "nginx";
  nginx.user = ::geteuid() == 0 ? options.nginx_user : std::string();
  const auto user = find_nginx_user(nginx);
  if (!user) return fail(user.error());
  nginx_user_ = *user;
  ecshm::WriterOptions shm;
  shm.reader_group = user->gid;
  auto writer = ecshm::Writer::create(options.runtime_dir / "shm", shm);
  if (!writer) return fail(writer.error());
  shm_ = std::move(*writer);
  auto servers = ServerHealth::open(context_, options.runtime_dir / "shm", user->gid,
                                    {{options.health_interval, std::min(options.health_interval, Millis(2000))},
                                     {2, options.holddown}});
  if (!servers) return fail(servers.error());
  servers_ = std::move(*servers);
  nginx_ = std::make_unique<NginxControl>(context_, *shm_);
  if (auto made = nginx_->create(nginx); !made) return made;
  auto traffic = TrafficLog::open(options.data_dir / "traffic.log",
                                  [this](const ecshm::EventView& event) { return nginx_->names_of(event); });
  if (!traffic) return fail(traffic.error());
  traffic_ = std::move(*traffic);
  traffic_->on_add = [this](const ecshm::EventView& event, const TrafficNames& names) { syslog_.add(event, names); };
  traffic_->on_flush = [this] { syslog_.flush(); };
  return {};
}

void Daemon::make_core() {
  proto::FabricIdentity identity{context_.device.serial, context_.hostname(), POSTERN_VERSION, ""};
  const auto& global = context_.config.global;
  if (!global.management_host.empty()) {
    identity.management_url = fmt::format("https://{}:{}", global.management_host, global.management_port);
  }
  context_.core = std::make_unique<GatewayCore>(identity, context_.random);
  context_.core->set_at_once(context_.options.records_at_once);
}

Status Daemon::open_network() {
  // What is there then is another gateway's: nothing says whether that one was killed or runs.
  if (!context_.options.firewall) return {};
  auto firewall = FirewallControl::open(context_);
  if (!firewall) return fail(firewall.error());
  firewall_ = std::move(*firewall);
  firewall_->on_cut = [this](const ForwardCut& cut) {
    counted_.decisions.count_forward(cut.reason, cut.count);
    syslog_.add(cut);
    traffic_->add(cut);
    traffic_->flush();
  };
  NetworkEvents events;
  events.interfaces = [this](std::vector<LocalInterface> list) {
    context_.core->set_interfaces(std::move(list));
    pump();
  };
  events.next_hops = [this](const std::set<IpAddress>& hops) {
    reserved_.set_next_hops(hops);
    pump();
  };
  events.default_interfaces = [this](const std::set<std::string>& interfaces) {
    firewall_->use_default_routes(interfaces);
    pump();
  };
  events.neighbour = [this](const NeighbourKey& key, const Neighbour& neighbour) {
    context_.core->set_neighbour(key, neighbour);
    pump();
  };
  events.neighbour_gone = [this](const NeighbourKey& key) {
    context_.core->remove_neighbour(key);
    pump();
  };
  auto watch = NetworkWatch::open(context_.loop, std::move(events));
  if (!watch) return fail(watch.error());
  watch_ = std::move(*watch);
  return {};
}

void Daemon::stop() {
  // nginx ends with a deliberate end; without the lease it would deny what depends on tags anyway.
  views_.save(true);
  nginx_->stop();
  modules_->drain();
  traffic_->flush();
  syslog_.end();
  if (firewall_) firewall_->end();
  if (!watch_) return;
  for (const auto& key : watch_->pinned()) unpin(key);
  pins_.remove();
}

// ---- configuration

void Daemon::configure() {
  auto& core = *context_.core;
  std::vector<ConnectorSettings> settings;
  for (const auto& c : context_.config.connectors) {
    channels_.on_configured(c);
    settings.push_back({c.id, c.enabled, c.name, c.server, c.https_port, c.out_of_sync_threshold, c.serial, c.tenant});
  }
  reserved_.update();
  core.set_connectors(context_.now(), settings);
  for (const auto& c : context_.config.connectors) core.set_trusted(context_.now(), c.id, channels_.trusted(c));
  const auto& control = context_.config.endpoint_control;
  core.set_asking({control.record_hold, control.unknown_cache, control.queries_per_second});
  traffic_->set_max_bytes(context_.config.log.max_bytes);
  use_syslog();
  core.set_users(user_rules(context_.config));
  core.set_policy_tags(used_bits(context_.config));
  if (firewall_) firewall_->use_policies();
  policies_dirty_ = true;
}

void Daemon::use_syslog() {
  const auto& set = context_.config.syslog;
  std::optional<syslog::Target> target;
  if (set.enabled) target = {set.server, set.port, set.reliable, set.source_ip};
  syslog_.use(target, {set.facility, context_.hostname(), std::to_string(::getpid())});
}

void Daemon::pin_ems(ConnectorId id, const EmsSerial& serial, const TenantId& tenant) {
  // After this turn: committing calls back into the configuration.
  context_.loop.post([this, id, serial, tenant] {
    const auto* c = context_.connector(id);
    if (c == nullptr) return;
    const config::ObjectPath path = {{"endpoint-control fctems", std::to_string(id)}};
    auto t = context_.store->begin(config::Actor::kGateway);
    Status set;
    if (c->serial.empty()) set = t.set(path, "serial-number", {serial.str()});
    if (set && c->tenant.empty() && !tenant.empty()) set = t.set(path, "tenant-id", {tenant.str()});
    if (set) set = context_.store->commit(t, {"gateway", "gateway", fmt::format("who EMS {} says it is", id)});
    if (!set) log_error("connector.pin", set.error().message);
  });
}

// ---- actions

void Daemon::pump() {
  if (std::exchange(pumping_, true)) return;
  for (auto actions = context_.core->take_actions(); !actions.empty(); actions = context_.core->take_actions()) {
    for (auto& action : actions) act_on(action);
  }
  if (std::exchange(policies_dirty_, false)) {
    nginx_->publish_policies();
    context_.core->set_asked_bits(asked_bits(nginx_->policies()));
    servers_->use(nginx_->plan());
    nginx_->reload();
    end_led_away();
    counted_.timing.policies_changed();
  }
  shm_->notify();
  note_changes();
  for (const auto& leaf : std::exchange(answers_, {})) {
    if (modules_) modules_->answer(leaf);
  }
  if (firewall_) firewall_->apply();
  pumping_ = false;
  if (operations_) operations_->follow();
  go_on();
}

/// The rest of a very large change, in the loop's next turns.
void Daemon::go_on() {
  if (!context_.core->unfinished() || going_on_) return;
  going_on_ = context_.loop.after({}, [this] {
    going_on_.cancel();
    context_.core->go_on(context_.now());
    pump();
  });
}

/// What open sessions lead to and the configuration doesn't any more.
void Daemon::end_led_away() {
  auto orders = led_.use(nginx_->plan(), context_.core->sessions());
  keep_led_to();
  if (!modules_) return;
  send_led_away(std::move(orders));
  await_led_away();
}

void Daemon::send_led_away(std::vector<ecshm::ClearOrder> orders) {
  if (orders.empty()) return;
  modules_->clear(std::move(orders), [](const SessionsCleared& cleared) {
    if (cleared.ended == 0) return;
    log_info("sessions.led-away", "sessions with real servers that were taken out of the configuration were ended",
             {{"ended", std::to_string(cleared.ended)}});
  });
}

void Daemon::await_led_away() {
  if (led_.over() || led_again_) return;
  led_again_ = context_.loop.after(std::chrono::seconds(1), [this] {
    led_again_.cancel();
    send_led_away(led_.again(context_.core->sessions(), nginx_->waiting()));
    keep_led_to();
    await_led_away();
  });
}

/// For the gateway after this one, whom nginx and what is open by it outlive.
void Daemon::keep_led_to() {
  auto text = led_.print();
  if (text == led_kept_) return;
  if (auto kept = write_file_atomic(context_.options.runtime_dir / kLedTo, text); !kept) return log_error("sessions.led-to", kept.error().message);
  led_kept_ = std::move(text);
}

/// Workers know of them now.
void Daemon::note_changes() {
  if (changes_.empty()) return;
  const auto now = context_.now();
  for (const auto& change : std::exchange(changes_, {})) {
    counted_.timing.told(now, change.times, change.arrived);
    for (const auto& leaf : change.leaves) counted_.timing.published(now, leaf, change.times, change.arrived);
  }
}

void Daemon::tell_decisions() {
  const auto& counted = modules_->decisions();
  context_.core->set_decisions(context_.now(), {counted.allowed, counted.denied, counted.cut, modules_->dropped()});
}

void Daemon::unpin(const NeighbourKey& key) {
  if (auto gone = watch_->unpin(key); !gone) {
    log_warning("neighbours.unpin", fmt::format("{} on {}: {}", key.ip.str(), key.interface, gone.error().message));
  }
}

bool Daemon::act_on_neighbour(act::Action& action) {
  if (auto* pin = std::get_if<act::PinNeighbour>(&action)) {
    if (!watch_) return true;
    pins_.mark();
    if (auto pinned = watch_->pin(pin->key, pin->mac); !pinned) {
      log_warning("neighbours.pin",
                  fmt::format("{} on {}: {}", pin->key.ip.str(), pin->key.interface, pinned.error().message));
    }
  } else if (auto* gone = std::get_if<act::UnpinNeighbour>(&action)) {
    if (!watch_) return true;
    pins_.mark();
    unpin(gone->key);
  } else if (auto* ask = std::get_if<act::AskNeighbour>(&action)) {
    if (!watch_ || context_.core->resolver().pinned(ask->key)) return true;  // its answer came from elsewhere meanwhile
    const bool asking = probe_unpinned(*watch_, ask->key).has_value();
    context_.core->set_neighbour(ask->key, {asking ? Neighbour::State::kAsking : Neighbour::State::kAbsent, {}, false});
  } else {
    return false;
  }
  return true;
}

void Daemon::act_on(act::Action& action) {
  if (act_on_neighbour(action)) return;
  if (auto applied = apply_to_shm(*shm_, action); !applied) log_error("ecshm.full", applied.error().message);
  if (auto* connect = std::get_if<act::Connect>(&action)) {
    channels_.open(connect->id);
  } else if (auto* send = std::get_if<act::Send>(&action)) {
    channels_.send(send->id, std::move(send->bytes));
  } else if (auto* bye = std::get_if<act::Disconnect>(&action)) {
    channels_.close(bye->id, bye->reason);
  } else if (auto* changed = std::get_if<act::ConnectorChanged>(&action)) {
    channels_.on_changed(changed->id);
  } else if (auto* pin = std::get_if<act::PinEms>(&action)) {
    pin_ems(pin->id, pin->serial, pin->tenant);
  } else if (auto* changed_slots = std::get_if<act::SlotsChanged>(&action)) {
    changes_.push_back(std::move(*changed_slots));
  } else if (std::holds_alternative<act::Lease>(action)) {
    counted_.lease_renewed = context_.now().mono;
    if (firewall_) firewall_->renew_lease();
  } else if (auto* address = std::get_if<act::AddressUpsert>(&action)) {
    if (firewall_) firewall_->upsert(address->state);
  } else if (auto* gone = std::get_if<act::AddressRemove>(&action)) {
    if (firewall_) firewall_->remove(gone->ip);
  } else if (auto* answer = std::get_if<act::Answer>(&action)) {
    answers_.push_back(answer->leaf);
  } else if (std::holds_alternative<act::TagsChanged>(action)) {
    policies_dirty_ = true;
    if (firewall_) firewall_->use_tags();
  } else if (auto* save = std::get_if<act::SaveView>(&action)) {
    views_.mark(*save);
  } else if (auto* what_if = std::get_if<act::WhatIf>(&action)) {
    const auto cuts = nginx_->sessions_cut(what_if->id, what_if->question);
    context_.core->answer_what_if(context_.now(), what_if->id, what_if->question.request_id, cuts);
  } else if (auto* alert = std::get_if<act::Alert>(&action)) {
    log_warning(alert->event, alert->message);
  }
}

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
