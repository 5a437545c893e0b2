#include "gateway_node.h"

#include <algorithm>

#include <fmt/format.h>

#include "ems_node.h"
#include "gateway/core/view_cache.h"
#include "gateway/firewall/rules.h"
#include "proto/deflate.h"

namespace postern::sim {
namespace {

using namespace gateway;
using std::chrono::milliseconds;
using std::chrono::seconds;

bool grants(const Slot& slot) { return slot.registered && slot.online && !slot.quarantined && !slot.blocked; }

}  // namespace

std::vector<firewall::Policy> GatewayNode::policies() {
  std::vector<firewall::Policy> out(4);
  out[0].id = 1;
  out[0].condition.tags = {"EMS1_ZTNA_T1"};
  out[0].action = config::Action::kDeny;
  out[1].id = 2;
  out[1].condition.tags = {"EMS1_ZTNA_T0"};
  out[1].action = config::Action::kAccept;
  out[2].id = 3;
  out[2].condition.tags = {"EMS1_ZTNA_T2", "EMS1_CLASS_T3"};
  out[2].condition.logic = config::MatchLogic::kAll;
  out[2].action = config::Action::kAccept;
  out[3].id = 4;
  out[3].condition.tags = {"EMS1_ZTNA_T4"};
  out[3].condition.negate = true;
  out[3].action = config::Action::kAccept;
  return out;
}

GatewayNode::GatewayNode(World& world, EmsNode& ems, std::size_t index)
    : world_(world),
      ems_(ems),
      index_(index),
      name_(fmt::format("gateway{}", index)),
      serial_(fmt::format("PGW{:013}", index + 1)),
      random_(world.dice.seed()),
      identity_(pki::make_device(pki::PrivateKey::generate(), serial_,
                                 {WallTime(Millis(0)), WallTime(Millis(4'000'000'000'000))}, random_)),
      boot_id_(fmt::format("boot-{}", index)) {}

// ---- the process

void GatewayNode::start() {
  ++run_;
  connection_ = 0;
  stopped_until_ = {};
  firewall_broken_ = false;
  firewall_ready_ = false;
  unsaved_ = pumping_ = going_on_ = false;
  slots_.clear();
  valid_ = lease_ = nft_lease_ = {};
  held_back_.clear();
  decisions_ = {};
  core_ = std::make_unique<GatewayCore>(proto::FabricIdentity{serial_, name_, "simulated", ""}, random_);
  // Large changes are of one record or two, or, as in reality, of many more than there are here.
  core_->set_at_once(run_ % 3 == 0 ? GatewayCore::kAtOnce : static_cast<std::size_t>(run_ % 3));
  model_ = std::make_unique<firewall::FirewallModel>();
  core_->set_interfaces(interfaces_);
  for (const auto& [key, neighbour] : neighbours_) core_->set_neighbour(key, neighbour);

  core_->set_connectors(now(), {{kConnector, true, "EMS", "ems.test", 443, kThreshold, pinned_}});
  core_->set_trusted(now(), kConnector, true);
  std::set<std::string> used;
  for (const auto& policy : policies()) used.insert(policy.condition.tags.begin(), policy.condition.tags.end());
  core_->set_policy_tags(used);
  model_->set_policies(policies());
  firewall_dirty_ = true;

  if (!kept_view_.empty()) {
    auto kept = decode_cached_view(kept_view_);
    if (!kept) {
      world_.journal.violation("{} can't read the view that it kept: {}", name_, kept.error().message);
      return;
    }
    const auto until = cached_view_deadline(*kept, now(), boot_id_, kThreshold);
    core_->restore(kConnector, kept->epoch, kept->revision, std::move(kept->view), until);
  }
  core_->on_tick(now());
  pump();
  std::vector<NeighbourKey> left;
  for (const auto& [key, mac] : pins_) {
    if (!core_->resolver().pinned(key)) left.push_back(key);
  }
  for (const auto& key : left) {
    unpin(key);
    core_->remove_neighbour(key);
  }
  world_.journal.say("{} runs{}", name_, kept_view_.empty() ? "" : " on with the view it kept");
  pump();
  check();
  world_.timeline.after(milliseconds(100), [this, run = run_] {
    if (run == run_) tick();
  });
  world_.timeline.after(seconds(1), [this, run = run_] {
    if (run == run_) save();
  });
}

void GatewayNode::tick() {
  if (!up()) return;
  if (!stopped()) {
    core_->set_decisions(now(), decisions_);
    core_->on_tick(now());
    pump();
  }
  const auto wait = std::max<Nanos>(milliseconds(100), stopped_until_ - world_.mono());
  world_.timeline.after(wait, [this, run = run_] {
    if (run == run_) tick();
  });
}

void GatewayNode::save() {
  if (!up()) return;
  world_.timeline.after(seconds(1), [this, run = run_] {
    if (run == run_) save();
  });
  const auto& contact = client().last_contact();
  if (stopped() || !contact) return;
  if (!unsaved_ && contact->mono - saved_contact_ < Seconds(10)) return;
  kept_view_ = encode_cached_view({client().epoch(), client().revision(), client().view(), *contact, boot_id_, {}});
  saved_contact_ = contact->mono;
  unsaved_ = false;
}

void GatewayNode::kill(bool reboot, bool machine_lost, Nanos down) {
  if (!up()) return;
  world_.journal.note(reboot ? Kind::kGatewayRebooted : Kind::kGatewayKilled, "{} dies{}", name_,
                      machine_lost ? " with its machine" : "");
  if (machine_lost) world_.journal.note(Kind::kMachineLost, "{}'s", name_);
  ++run_;
  core_.reset();
  model_.reset();
  connection_ = 0;
  stopped_until_ = {};
  world_.network.client_died(*this, machine_lost);
  if (reboot) {
    // Shared memory, the kernel's tables and the monotonic clock begin anew.
    slots_.clear();
    lease_ = valid_ = {};
    nft_ = NftTables();
    neighbours_.clear();
    pins_.clear();
    clock.booted = world_.mono().time_since_epoch() - seconds(20);
    saved_contact_ = {};
    boot_id_ += "+";
  }
  world_.timeline.after(down, [this] { start(); });
}

void GatewayNode::stop(Nanos how_long) {
  if (!up() || stopped()) return;
  world_.journal.note(Kind::kGatewayStopped, "{} stands still for {} ms", name_,
                      std::chrono::duration_cast<milliseconds>(how_long).count());
  stopped_until_ = world_.mono() + how_long;
  world_.timeline.at(stopped_until_, [this, run = run_] {
    if (run != run_ || !up()) return;
    // What the kernel had to say meanwhile.
    core_->set_interfaces(interfaces_);
    for (const auto& key : std::exchange(missed_, {})) {
      const auto it = neighbours_.find(key);
      if (it == neighbours_.end()) {
        core_->remove_neighbour(key);
      } else {
        core_->set_neighbour(key, it->second);
      }
    }
    pump();
    world_.network.resume(*this);
  });
}

void GatewayNode::set_interfaces(std::vector<LocalInterface> interfaces) {
  interfaces_ = std::move(interfaces);
  if (!up() || stopped()) return;
  core_->set_interfaces(interfaces_);
  pump();
  check();
}

void GatewayNode::set_neighbour(const NeighbourKey& key, std::optional<Neighbour> neighbour) {
  if (neighbour) {
    if (pins_.contains(key)) return;
    neighbours_[key] = *neighbour;
  } else {
    neighbours_.erase(key);
    pins_.erase(key);
  }
  if (!up()) return;
  if (stopped()) {
    missed_.insert(key);
    return;
  }
  if (neighbour) {
    core_->set_neighbour(key, *neighbour);
  } else {
    core_->remove_neighbour(key);
  }
  pump();
  check();
}

void GatewayNode::access(const Sha256& leaf) {
  if (!up() || stopped()) return;
  world_.journal.note(Kind::kAccess, "{} meets {}", name_, to_hex_lower(leaf).substr(0, 8));
  const auto slot = slots_.find(leaf);
  if (slot == slots_.end()) {
    core_->on_unknown_certificate(now(), leaf);
    pump();
  } else if (leased() && grants(slot->second)) {
    open_session(leaf);
  }
}

void GatewayNode::open_session(const Sha256& leaf) {
  ++decisions_.allowed;
  core_->on_session(now(), leaf, {}, +1);
  world_.timeline.after(world_.dice.between(seconds(1), seconds(60)), [this, run = run_, leaf] {
    if (run == run_ && up()) core_->on_session(now(), leaf, {}, -1);
  });
}

// ---- actions, as the gateway's shell carries them out

void GatewayNode::pump() {
  if (!up() || std::exchange(pumping_, true)) return;
  for (auto actions = core_->take_actions(); !actions.empty(); actions = core_->take_actions()) {
    for (auto& action : actions) carry_out(action);
  }
  if (std::exchange(firewall_dirty_, false)) {
    if (apply_firewall()) {
      firewall_ready_ = true;
      check_sets();
    } else {
      firewall_dirty_ = true;
    }
  }
  pumping_ = false;
  go_on();
}

/// The rest of a large change, a moment later: whatever comes first goes before it.
void GatewayNode::go_on() {
  if (!core_->unfinished() || std::exchange(going_on_, true)) return;
  const auto wait = std::max<Nanos>(milliseconds(1), stopped_until_ - world_.mono());
  world_.timeline.after(wait, [this, run = run_] {
    if (run != run_ || !up()) return;
    going_on_ = false;
    if (stopped()) return go_on();
    core_->go_on(now());
    pump();
    check();
  });
}

void GatewayNode::carry_out(act::Action& action) {
  if (std::holds_alternative<act::Connect>(action)) {
    connection_ =
        world_.network.connect(*this, Service::kFabric, {host(), name_, segment_source(), identity_.certificate});
  } else if (auto* send = std::get_if<act::Send>(&action)) {
    if (connection_ != 0) world_.network.send_to_server(connection_, std::move(send->bytes));
  } else if (auto* bye = std::get_if<act::Disconnect>(&action)) {
    world_.journal.say("{} closes #{}: {}", name_, connection_, bye->reason);
    if (connection_ != 0) world_.network.close_from_client(connection_);
    connection_ = 0;
  } else if (auto* pin = std::get_if<act::PinEms>(&action)) {
    pinned_ = pin->serial;
  } else if (auto* upsert = std::get_if<act::SlotUpsert>(&action)) {
    slots_[upsert->slot.leaf] = upsert->slot;
  } else if (auto* remove = std::get_if<act::SlotRemove>(&action)) {
    slots_.erase(remove->leaf);
  } else if (auto* valid = std::get_if<act::ConnectorValid>(&action)) {
    valid_ = clock.to_simulation(valid->until);
    const auto limit = heard_from_ + kThreshold + set_back + Millis(1);  // wall clocks count milliseconds
    if (valid_ > std::max(limit, world_.mono())) {
      world_.journal.violation(
          "{}'s records count as valid {} ms longer than the threshold after the EMS sent the newest "
          "word that arrived",
          name_, std::chrono::duration_cast<milliseconds>(valid_ - limit).count());
    }
  } else if (auto* lease = std::get_if<act::Lease>(&action)) {
    lease_ = clock.to_simulation(lease->until);
    if (lease_ > world_.mono() + GatewayCore::kLease) world_.journal.violation("{}'s lease lasts too long", name_);
    if (firewall_ready_) {
      run_nft(model_->renew_command(static_cast<unsigned>(GatewayCore::kLease.count())));
      nft_lease_ = nft_.alive_until();
      if (nft_lease_ > world_.mono() + GatewayCore::kLease)
        world_.journal.violation("{}'s nft lease lasts too long", name_);
    }
  } else if (auto* address = std::get_if<act::AddressUpsert>(&action)) {
    model_->upsert(firewall_entry(address->state));
    firewall_dirty_ = true;
  } else if (auto* gone = std::get_if<act::AddressRemove>(&action)) {
    model_->remove(gone->ip);
    firewall_dirty_ = true;
  } else if (auto* held = std::get_if<act::PinNeighbour>(&action)) {
    pins_[held->key] = held->mac;
    neighbours_[held->key] = {Neighbour::State::kPresent, held->mac};
  } else if (auto* let_go = std::get_if<act::UnpinNeighbour>(&action)) {
    unpin(let_go->key);
  } else if (auto* ask = std::get_if<act::AskNeighbour>(&action)) {
    core_->set_neighbour(ask->key, {Neighbour::State::kAsking, {}});
    ask_network(ask->key);
  } else if (auto* answer = std::get_if<act::Answer>(&action)) {
    if (answer->verdict == CertificateVerdict::kFound) {
      world_.journal.note(Kind::kCertificateFound, "{} knows {} now", name_, to_hex_lower(answer->leaf).substr(0, 8));
      const auto slot = slots_.find(answer->leaf);
      if (slot == slots_.end()) {
        world_.journal.violation("{} is told that a certificate is found and has no slot for it", name_);
      } else if (leased() && grants(slot->second)) {
        open_session(answer->leaf);
      }
    }
  } else if (std::holds_alternative<act::TagsChanged>(action)) {
    refresh_firewall_tags();
  } else if (std::holds_alternative<act::SaveView>(action)) {
    unsaved_ = true;
  } else if (auto* alert = std::get_if<act::Alert>(&action)) {
    if (alert->event == "connector.stale") {
      world_.journal.note(Kind::kStale, "{}", name_);
    } else {
      world_.journal.say("{} alert {}: {}", name_, alert->event, alert->message);
    }
  }
}

IpAddress GatewayNode::segment_source() const {
  return IpAddress::v4({10, 0, 200, static_cast<std::uint8_t>(index_ + 1)});
}

void GatewayNode::unpin(const NeighbourKey& key) {
  if (pins_.erase(key) > 0) neighbours_.erase(key);
}

void GatewayNode::ask_network(const NeighbourKey& key) {
  const auto answer = who_answers(key.ip);
  const auto wait = answer ? world_.dice.between(milliseconds(1), milliseconds(40)) : Nanos(seconds(3));
  world_.timeline.after(wait, [this, key] {
    const auto mac = who_answers(key.ip);
    set_neighbour(key, mac ? Neighbour{Neighbour::State::kPresent, *mac} : Neighbour{Neighbour::State::kAbsent, {}});
    if (mac) return;
    // The kernel forgets by and by that nobody was there.
    world_.timeline.after(seconds(20), [this, key] {
      const auto it = neighbours_.find(key);
      if (it != neighbours_.end() && it->second.state == Neighbour::State::kAbsent) set_neighbour(key, std::nullopt);
    });
  });
}

firewall::AddressEntry GatewayNode::firewall_entry(const AddressState& state) const {
  firewall::AddressEntry entry{state.ip, state.mac, state.interface, {}, {}};
  for (const auto& [name, tag] : core_->tags().entries()) {
    if (state.tags[tag.bit]) entry.tags.insert(name);
    if (state.known[tag.bit] || (tag.info && tag.info->on_unknown_ignore)) entry.known.insert(name);
  }
  return entry;
}

void GatewayNode::refresh_firewall_tags() {
  std::set<std::string> names;
  for (const auto& [name, tag] : core_->tags().entries()) {
    if (tag.info) names.insert(name);
  }
  model_->set_tags(std::move(names));
  for (const auto& [ip, state] : core_->addresses()) model_->upsert(firewall_entry(state));
  firewall_dirty_ = true;
}

bool GatewayNode::run_nft(const std::string& commands) {
  if (kernel_refusals > 0) {
    --kernel_refusals;
    world_.journal.note(Kind::kKernelRefuses, "{}", name_);
    return false;
  }
  if (auto done = nft_.run(commands, world_.mono()); !done) {
    world_.journal.violation("{}: {}", name_, done.error().message);
    return false;
  }
  return true;
}

bool GatewayNode::apply_firewall() {
  const auto rebuild = [&] {
    auto commands = model_->take_rebuild().commands;
    const auto left = std::chrono::duration_cast<Seconds>(nft_lease_ - world_.mono()).count();
    if (left > 0) commands += model_->renew_command(static_cast<unsigned>(left));
    firewall_broken_ = !run_nft(commands);
    return !firewall_broken_;
  };
  if (firewall_broken_) return rebuild();
  const auto change = model_->take_change();
  return change.commands.empty() || run_nft(change.commands) || rebuild();
}

// ---- the network's end

void GatewayNode::on_open(ConnectionId id) {
  if (id != connection_ || !up()) return;
  core_->on_connected(now(), kConnector);
  pump();
}

void GatewayNode::on_message(ConnectionId id, ByteView bytes, MonoTime sent) {
  if (id != connection_ || !up()) return;
  heard_from_ = std::max(heard_from_, sent);
  const auto snapshots = client().counters().snapshots;
  const auto was_synchronised = client().synchronised();
  if (world_.options.accept_empty_snapshots) {
    for (const auto& frame : trusting(bytes)) core_->on_frame(now(), kConnector, frame);
  } else {
    core_->on_frame(now(), kConnector, bytes);
  }
  if (!was_synchronised && client().synchronised() && client().counters().snapshots == snapshots) {
    world_.journal.note(Kind::kResumed, "{} goes on at revision {}", name_, client().revision());
  }
  pump();
  check();
}

/// The planted bug: a snapshot is held back until it is whole, and then says of itself what it lists.
std::vector<Bytes> GatewayNode::trusting(ByteView bytes) {
  wire::FabricFrame frame;
  frame.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
  if (frame.has_snapshot_begin()) held_back_.clear();
  if (!frame.has_snapshot_begin() && !frame.has_snapshot_chunk() && !frame.has_snapshot_end()) {
    return {Bytes(bytes.begin(), bytes.end())};
  }
  held_back_.push_back(frame);
  if (!frame.has_snapshot_end()) return {};
  auto frames = std::exchange(held_back_, {});
  proto::View listed;
  for (const auto& f : frames) {
    for (const auto& tag : f.snapshot_begin().tags()) listed.upsert_tag(tag.id(), tag.SerializeAsString());
    if (!f.has_snapshot_chunk()) continue;
    wire::ViewEntryList list;
    list.ParseFromString(proto::inflate_text(f.snapshot_chunk().zlib(), 64u << 20).value_or(""));
    for (const auto& text : list.entries()) {
      wire::ViewEntry entry;
      entry.ParseFromString(text);
      listed.upsert(EndpointUid(entry.record().uid()), text);
    }
  }
  if (frames.front().has_snapshot_begin()) {
    frames.front().mutable_snapshot_begin()->set_count(static_cast<std::uint32_t>(listed.entries().size()));
  }
  frames.back().mutable_snapshot_end()->set_digest(std::string(as_text(listed.digest())));
  std::vector<Bytes> out;
  for (const auto& f : frames) {
    auto& text = out.emplace_back(f.ByteSizeLong());
    f.SerializeToArray(text.data(), static_cast<int>(text.size()));
  }
  return out;
}

void GatewayNode::on_closed(ConnectionId id, const std::string& reason) {
  if (id != connection_ || !up()) return;
  connection_ = 0;
  core_->on_disconnected(now(), kConnector, reason);
  pump();
}

}  // namespace postern::sim
