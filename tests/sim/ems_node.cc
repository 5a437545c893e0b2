#include "ems_node.h"

#include <algorithm>
#include <array>

#include "ems/bootstrap/bootstrap.h"
#include "ems/bootstrap/identity.h"
#include "ems/registry/codec.h"
#include "pki/certificate.h"
#include "wire/fabric.pb.h"

namespace postern::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

Sha256 digest_of(const std::string& bytes) {
  Sha256 out{};
  if (bytes.size() == out.size()) std::copy(bytes.begin(), bytes.end(), out.begin());
  return out;
}

}  // namespace

EmsNode::EmsNode(World& world) : world_(world), random_(world.dice.seed()), store_(world.dice.seed() | 1) {
  ems::BootstrapOptions options;
  options.password_hash = "$argon2id$simulated";
  options.server_names = {"ems.test"};
  if (auto made = ems::bootstrap(store_, random_, now(), options); !made) {
    world_.journal.violation("bootstrap: {}", made.error().message);
  }
  world_.network.set_server(this);
}

void EmsNode::start() {
  ++run_;
  flush_planned_ = false;
  ems::EmsOptions options;
  options.keepalive = kKeepalive;
  options.offline_timeout = kOfflineTimeout;
  options.last_seen_interval = Seconds(30);
  options.public_addresses = {"ems.test:8013"};
  options.version = "simulated";
  core_ = std::make_unique<ems::EmsCore>(store_, random_, options);
  if (auto started = core_->start(now()); !started) {
    world_.journal.violation("the EMS does not start: {}", started.error().message);
    return;
  }
  world_.ledger.check(*this, world_.journal);
  world_.journal.say("the EMS runs, at revision {}", core_->revision());
  went_on();
  world_.timeline.after(seconds(1), [this, run = run_] {
    if (run == run_ && up()) tick();
  });
}

void EmsNode::tick() {
  core_->tick(now());
  went_on();
  if (!up()) return;
  world_.timeline.after(seconds(1), [this, run = run_] {
    if (run == run_ && up()) tick();
  });
}

void EmsNode::kill(Death death, bool machine_lost, Nanos down) {
  if (!up()) return;
  doom_ = Doom{death, machine_lost, down};
  if (death == Death::kIdle) die();
}

void EmsNode::die() {
  const auto doom = *doom_;
  doom_.reset();
  static constexpr std::array kKinds = {Kind::kEmsKilled, Kind::kEmsKilledBeforeCommit, Kind::kEmsKilledAfterCommit,
                                        Kind::kEmsKilledMidway};
  world_.journal.note(kKinds[static_cast<std::size_t>(doom.death)], "the EMS dies{}",
                      doom.lost ? " with its machine" : "");
  if (doom.lost) world_.journal.note(Kind::kMachineLost, "the EMS's");
  core_.reset();
  sessions_.clear();
  store_.crash();
  store_.set_lossy(false);
  world_.network.server_died(doom.lost);
  world_.timeline.after(doom.down, [this] { start(); });
}

void EmsNode::shut_down(Nanos down) {
  if (!up() || doom_) return;
  world_.journal.note(Kind::kEmsShutDown, "the EMS is shut down");
  core_->shut_down(now());
  flush();
  if (!up()) return;
  core_.reset();
  sessions_.clear();
  store_.sync();
  world_.network.server_died(false);
  world_.timeline.after(down, [this] { start(); });
}

void EmsNode::went_on() {
  if (!up() || flush_planned_) return;
  if (!core_->flush_wanted()) return flush();  // what a batch that grew has released already
  flush_planned_ = true;
  world_.timeline.after(world_.dice.between(milliseconds(0), milliseconds(3)), [this, run = run_] {
    if (run != run_ || !up()) return;
    flush_planned_ = false;
    flush();
    went_on();
  });
}

void EmsNode::flush() {
  const bool committing = core_->flush_wanted();
  const bool before = committing && doom_ && doom_->death == Death::kBeforeCommit;
  // The planted bug: what the core wants said after the commit is said first, and the commit comes then. Where the
  // process lives on nobody can tell; where it dies between the two, all of it was said and nothing is kept.
  const bool said_first = before && world_.options.acknowledge_before_commit;
  if (before && !said_first) return die();
  if (said_first) store_.set_lossy(true);
  if (committing) core_->flush(now());
  auto actions = core_->take_actions();
  if (committing && doom_ && doom_->death == Death::kAfterCommit) return die();
  const bool midway = committing && doom_ && doom_->death == Death::kMidway && actions.size() > 1;
  if (midway) actions.resize(1 + world_.dice.below(actions.size() - 1));
  for (auto& action : actions) perform(action);
  if (midway || said_first) die();
}

void EmsNode::perform(ems::act::Action& action) {
  if (auto* send = std::get_if<ems::act::Send>(&action)) {
    const auto it = sessions_.find(send->session);
    if (it == sessions_.end()) return;
    if (it->second.service == Service::kFabric && !check_fabric_frame(send->session, it->second, send->bytes)) return;
    world_.network.send_to_client(send->session, std::move(send->bytes));
  } else if (auto* close = std::get_if<ems::act::Close>(&action)) {
    if (sessions_.erase(close->session) != 0) world_.network.close_from_server(close->session);
  } else if (auto* complete = std::get_if<ems::act::Complete>(&action)) {
    complete->call();
  } else if (auto* alert = std::get_if<ems::act::Alert>(&action)) {
    if (alert->event == "store.failed") {
      world_.journal.note(Kind::kCommitFailed, "{}", alert->message);
    } else {
      world_.journal.say("EMS alert {}: {}", alert->event, alert->message);
    }
  }
}

/// What goes out to a gateway: only what is committed, only to whom is authorised. False: it does not go out.
bool EmsNode::check_fabric_frame(ConnectionId id, const Session& session, Bytes& bytes) {
  wire::FabricFrame frame;
  if (!frame.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    world_.journal.violation("the EMS sends a frame that can't be read");
    return true;
  }
  const bool data = frame.has_delta() || frame.has_snapshot_begin() || frame.has_snapshot_chunk() ||
                    frame.has_snapshot_end() || frame.has_certificate_answer() || !frame.status().ztna_ca_der().empty();
  if (data) {
    const auto device = stored_device(session.serial);
    if (!device || device->state != ems::DeviceState::kAuthorised || device->pinned_key != session.key) {
      world_.journal.violation("data for {} on #{}, which is not authorised with this key", session.serial.str(), id);
    }
  }
  const auto committed = store_.position()->revision;
  const auto said = [&](std::uint64_t revision) {
    if (revision > committed) {
      world_.journal.violation("revision {} goes to {} when only {} is committed", revision, session.serial.str(),
                               committed);
    }
  };
  if (frame.has_delta()) {
    said(frame.delta().to_revision());
    announced_[session.serial].insert(digest_of(frame.delta().digest()));
    if (damage_deltas > 0 && frame.delta().upserts_size() > 0) {
      --damage_deltas;
      world_.journal.note(Kind::kDeltaDamaged, "to {} on #{}", session.serial.str(), id);
      auto& delta = *frame.mutable_delta();
      // Half of it wrong: something is applied before it shows.
      if (delta.upserts_size() > 1) {
        delta.mutable_upserts()->RemoveLast();
      } else {
        delta.set_digest(std::string(32, 'x'));
      }
      bytes.resize(frame.ByteSizeLong());
      frame.SerializeToArray(bytes.data(), static_cast<int>(bytes.size()));
    }
  } else if (frame.has_snapshot_begin()) {
    said(frame.snapshot_begin().revision());
    world_.journal.note(Kind::kSnapshot, "of {} endpoints to {} on #{}", frame.snapshot_begin().count(),
                        session.serial.str(), id);
  } else if (frame.has_snapshot_end()) {
    announced_[session.serial].insert(digest_of(frame.snapshot_end().digest()));
  } else if (frame.has_snapshot_chunk() && damage_snapshots > 0) {
    --damage_snapshots;
    world_.journal.note(Kind::kSnapshotDamaged, "to {} on #{}", session.serial.str(), id);
    return false;
  }
  return true;
}

std::optional<ems::FabricDevice> EmsNode::stored_device(const GatewaySerial& serial) const {
  const auto row = store_.get(ems::TableId::kDevices, serial.str());
  if (!row || !*row) return std::nullopt;
  auto device = ems::codec::read_device_row(**row);
  return device ? std::optional(std::move(*device)) : std::nullopt;
}

bool EmsNode::announced(const GatewaySerial& serial, const Sha256& digest) const {
  const auto it = announced_.find(serial);
  return it != announced_.end() && it->second.contains(digest);
}

const EmsNode::Shown& EmsNode::certificate(const Bytes& leaf) {
  auto [it, fresh] = shown_.try_emplace(sha256(ByteView(leaf)));
  auto& shown = it->second;
  const auto info = fresh ? pki::parse_certificate(leaf) : fail(ErrorCode::kNotFound, "");
  if (!info) return shown;
  shown.serial = GatewaySerial(info->subject_cn);
  shown.key = info->public_key_sha256;
  shown.not_before = info->not_before;
  shown.not_after = info->not_after;
  const auto& identity = *core_->identity();
  const std::array intermediates{identity.ztna.certificate};
  const std::array roots{identity.root.certificate};
  const auto mid_life = info->not_before + (info->not_after - info->not_before) / 2;
  shown.ours = pki::verify_chain(leaf, intermediates, roots, pki::Purpose::kClient, mid_life).has_value();
  return shown;
}

void EmsNode::on_open(ConnectionId id, Service service, const Caller& caller) {
  auto& session = sessions_[id];
  session.service = service;
  if (service == Service::kEnrol) return;
  const auto& shown = certificate(caller.leaf);
  if (service == Service::kFabric) {
    session.serial = shown.serial;
    session.key = shown.key;
    core_->fabric_opened(now(), id, {caller.leaf, false}, caller.source);
  } else {
    const auto wall = now().wall;
    const bool verified = shown.ours && shown.not_before <= wall && wall < shown.not_after;
    if (!verified) world_.journal.say("{}'s certificate is not valid now", caller.name);
    core_->telemetry_opened(now(), id, {caller.leaf, verified}, caller.source);
  }
  went_on();
}

void EmsNode::on_message(ConnectionId id, ByteView bytes) {
  const auto it = sessions_.find(id);
  if (it == sessions_.end() || !up()) return;
  switch (it->second.service) {
    case Service::kEnrol:
      core_->enrol(now(), world_.network.caller(id)->source, bytes, [this, id, run = run_](Bytes response) {
        if (run != run_ || !sessions_.contains(id)) return;
        world_.network.send_to_client(id, std::move(response));
        sessions_.erase(id);
        world_.network.close_from_server(id);
      });
      break;
    case Service::kTelemetry:
      core_->telemetry_frame(now(), id, bytes);
      break;
    case Service::kFabric:
      core_->fabric_frame(now(), id, bytes);
      break;
  }
  went_on();
}

void EmsNode::on_closed(ConnectionId id) {
  const auto it = sessions_.find(id);
  if (it == sessions_.end() || !up()) return;
  const auto service = it->second.service;
  sessions_.erase(it);
  if (service == Service::kTelemetry) core_->telemetry_closed(now(), id);
  if (service == Service::kFabric) core_->fabric_closed(now(), id);
  went_on();
}

}  // namespace postern::sim
