// What can happen in a simulation, administration apart: changes of the world, and faults.
#include <algorithm>

#include "simulation.h"

namespace postern::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

/// Another key under a gateway's serial number: it connects, says what a gateway says, and gets nothing.
class Impostor final : public ClientEnd {
 public:
  Impostor(World& world, const GatewayNode& victim)
      : world_(world),
        random_(world.dice.seed()),
        identity_(pki::make_device(pki::PrivateKey::generate(), victim.serial(),
                                   {WallTime(Millis(0)), WallTime(Millis(4'000'000'000'000))}, random_)),
        client_({victim.serial(), "impostor", "simulated", ""}, random_) {
    const auto mac = gateway_mac(0);
    client_.set_interfaces({{"port1", Bytes(mac.bytes().begin(), mac.bytes().end()), {}}});
    client_.enable(now());
    pump();
    world_.timeline.after(seconds(10), [this] {
      client_.disable();
      pump();
    });
  }

  void on_open(ConnectionId id) override {
    if (id != connection_) return;
    client_.on_connected(now());
    pump();
  }
  void on_message(ConnectionId id, ByteView bytes, MonoTime) override {
    if (id != connection_) return;
    client_.on_frame(now(), bytes);
    if (!client_.view().entries().empty() || !client_.status().ztna_ca_der.empty()) {
      world_.journal.violation("an impostor was given data");
    }
    pump();
  }
  void on_closed(ConnectionId id, const std::string& reason) override {
    if (id != connection_) return;
    connection_ = 0;
    client_.on_disconnected(now(), reason);
    pump();
  }

 private:
  Now now() const { return MachineClock().at(world_.mono()); }
  void pump() {
    for (auto& action : client_.take_actions()) {
      if (std::holds_alternative<proto::fabric::Connect>(action)) {
        connection_ = world_.network.connect(*this, Service::kFabric,
                                             {50, "impostor", IpAddress::v4({10, 0, 66, 66}), identity_.certificate});
      } else if (auto* send = std::get_if<proto::fabric::Send>(&action)) {
        if (connection_ != 0) world_.network.send_to_server(connection_, std::move(send->bytes));
      } else if (std::holds_alternative<proto::fabric::Disconnect>(action)) {
        if (connection_ != 0) world_.network.close_from_client(connection_);
        connection_ = 0;
      }
    }
  }

  World& world_;
  SeededRandom random_;
  pki::Identity identity_;
  proto::FabricClient client_;
  ConnectionId connection_ = 0;
};

void toggle(std::set<std::string>& set, const std::string& name) {
  if (set.erase(name) == 0) set.insert(name);
}

}  // namespace

// ---- the world

std::optional<MacAddress> Simulation::who_answers(std::size_t segment, const IpAddress& ip) const {
  for (const auto& agent : agents_) {
    if (agent->segment == segment && agent->ip == ip) return agent->mac;
  }
  return std::nullopt;
}

void Simulation::change_posture() {
  auto& agent = *world_.dice.pick(agents_);
  for (auto n = 1 + world_.dice.below(2); n > 0; --n) {
    if (world_.dice.chance(60)) {
      toggle(agent.posture.processes, world_.dice.pick(known_processes()));
    } else {
      toggle(agent.posture.files, world_.dice.pick(known_files()));
    }
  }
  world_.journal.note(Kind::kPostureChanged, "{}", agent.name());
  agent.posture_changed();
}

IpAddress Simulation::free_address(std::size_t segment) {
  for (;;) {
    const auto ip = segment_address(segment, static_cast<unsigned>(30 + world_.dice.below(200)));
    if (std::ranges::none_of(agents_, [&](const auto& agent) { return agent->ip == ip; })) return ip;
  }
}

void Simulation::change_address() {
  auto& agent = *world_.dice.pick(agents_);
  const auto ip = free_address(agent.segment);
  if (agent.source == agent.ip) agent.source = ip;
  agent.ip = ip;
  world_.journal.note(Kind::kAddressChanged, "{} is {} now", agent.name(), ip.str());
  agent.posture_changed();
}

void Simulation::roam() {
  auto& agent = *world_.dice.pick(agents_);
  agent.segment = 1 - agent.segment;
  agent.ip = free_address(agent.segment);
  // Now and then through a NAT: its telemetry comes from another address than its own.
  agent.source = world_.dice.chance(20) ? IpAddress::v4({192, 0, 2, 7}) : agent.ip;
  agent.claimed.reset();
  world_.journal.note(Kind::kRoamed, "{} is behind gateway{} as {}", agent.name(), agent.segment, agent.ip.str());
  // Its connections do not come along.
  for (const auto id : world_.network.open_connections()) {
    if (const auto* caller = world_.network.caller(id); caller != nullptr && caller->host == agent.host()) {
      world_.network.cut(id, world_.dice.chance(40));
    }
  }
  agent.posture_changed();
}

void Simulation::claim_address() {
  auto& agent = *world_.dice.pick(agents_);
  const auto& other = *world_.dice.pick(agents_);
  if (&agent == &other) return;
  if (agent.claimed) {
    agent.claimed.reset();
  } else {
    agent.claimed = other.ip;
  }
  world_.journal.note(Kind::kAddressClaimed, "{} {} {}'s {}", agent.name(), agent.claimed ? "claims" : "claims no more",
                      other.name(), other.ip.str());
  agent.posture_changed();
}

void Simulation::lose_neighbour() {
  auto& gateway = *world_.dice.pick(gateways_);
  if (gateway.neighbours().empty()) return;
  auto it = gateway.neighbours().begin();
  std::advance(it, world_.dice.below(gateway.neighbours().size()));
  const auto key = it->first;
  world_.journal.note(Kind::kNeighbourLost, "{}: {}", gateway.name(), key.ip.str());
  if (world_.dice.chance(50)) {
    gateway.set_neighbour(key, std::nullopt);
    return;
  }
  // It does not answer for a while.
  gateway.set_neighbour(key, gateway::Neighbour{gateway::Neighbour::State::kAbsent, {}});
  world_.timeline.after(world_.dice.between(seconds(1), seconds(20)),
                        [&gateway, key] { gateway.set_neighbour(key, std::nullopt); });
}

void Simulation::spoof_neighbour() {
  auto& gateway = *world_.dice.pick(gateways_);
  if (gateway.neighbours().empty()) return;
  auto it = gateway.neighbours().begin();
  std::advance(it, world_.dice.below(gateway.neighbours().size()));
  const auto key = it->first;
  const auto& liar = *world_.dice.pick(agents_);
  world_.journal.note(Kind::kNeighbourSpoofed, "{}: {} answers for {}", gateway.name(), liar.name(), key.ip.str());
  gateway.set_neighbour(key, gateway::Neighbour{gateway::Neighbour::State::kPresent, liar.mac});
  world_.timeline.after(world_.dice.between(seconds(1), seconds(30)),
                        [&gateway, key] { gateway.set_neighbour(key, std::nullopt); });
}

void Simulation::change_interfaces() {
  const auto index = world_.dice.below(gateways_.size());
  auto& gateway = *gateways_[index];
  const gateway::LocalInterface port1{"port1", gateway_mac(index), {{segment_address(index, 1), 24}}};
  const gateway::LocalInterface port2{"port2",
                                      MacAddress({0x02, 0, 0, 0, 1, static_cast<std::uint8_t>(index + 1)}),
                                      {{IpAddress::v4({10, 0, 99, 1}), 24}}};
  const bool two = gateway.interfaces().size() < 2;
  world_.journal.note(Kind::kInterfacesChanged, "{}", gateway.name());
  if (world_.dice.chance(30)) {
    // Its link to the endpoints is gone for a while.
    gateway.set_interfaces({port2});
    world_.timeline.after(world_.dice.between(milliseconds(100), seconds(20)), [&gateway, port1, port2] {
      gateway.set_interfaces({port1, port2});
    });
    return;
  }
  gateway.set_interfaces(two ? std::vector{port1, port2} : std::vector{port1});
}

void Simulation::access() {
  auto& gateway = *world_.dice.pick(gateways_);
  const auto& agent = *world_.dice.pick(agents_);
  Sha256 leaf{};
  if (agent.registered() && world_.dice.chance(90)) leaf = agent.leaf_sha256();
  gateway.access(leaf);
}

void Simulation::impostor() {
  const auto& victim = *world_.dice.pick(gateways_);
  if (!ems_->up()) return;
  const auto view = ems_->core().fabric_device(victim.serial());
  if (!view || !view->device.pinned_key) return;
  world_.journal.note(Kind::kImpostor, "of {}", victim.name());
  impostors_.push_back(std::make_unique<Impostor>(world_, victim));
}

void Simulation::renew() { world_.dice.pick(agents_)->renew(); }

// ---- the network

void Simulation::cut() {
  const auto open = world_.network.open_connections();
  if (!open.empty()) world_.network.cut(world_.dice.pick(open), false);
}

void Simulation::half_open() {
  const auto open = world_.network.open_connections();
  if (!open.empty()) world_.network.cut(world_.dice.pick(open), true);
}

void Simulation::partition() {
  const bool gateway = world_.dice.chance(50);
  const auto index = world_.dice.below(gateway ? gateways_.size() : agents_.size());
  const auto host = gateway ? gateways_[index]->host() : agents_[index]->host();
  const auto how_long = world_.dice.chance(25) ? world_.dice.between(seconds(40), seconds(100))
                                               : world_.dice.between(milliseconds(100), seconds(15));
  world_.journal.note(Kind::kPartition, "{} and the EMS for {} ms",
                      gateway ? gateways_[index]->name() : agents_[index]->name(),
                      std::chrono::duration_cast<milliseconds>(how_long).count());
  world_.network.partition(host, how_long);
}

void Simulation::damage_snapshot() {
  // Something for a snapshot to be needed for: the gateway asks the EMS anew when it comes back.
  if (ems_->damage_snapshots < 2) ++ems_->damage_snapshots;
  kill_ems();
}

void Simulation::damage_delta() {
  if (ems_->damage_deltas < 2) ++ems_->damage_deltas;
}

// ---- programs

void Simulation::kill_ems() {
  const auto down = world_.dice.chance(8) ? world_.dice.between(seconds(40), seconds(80))
                                          : world_.dice.between(milliseconds(200), seconds(4));
  ems_->kill(static_cast<EmsNode::Death>(world_.dice.below(4)), world_.dice.chance(15), down);
}

void Simulation::kill_ems(EmsNode::Death death, bool machine_lost) {
  ems_->kill(death, machine_lost, world_.dice.between(milliseconds(200), seconds(4)));
}

void Simulation::shut_ems_down() { ems_->shut_down(world_.dice.between(milliseconds(200), seconds(3))); }

void Simulation::fill_disk() {
  world_.journal.note(Kind::kDiskFull, "the EMS's disk is full");
  ems_->store().fail_commits(Error{ErrorCode::kResourceExhausted, "the disk is full; make room on it"});
  world_.timeline.after(world_.dice.between(milliseconds(50), seconds(12)),
                        [this] { ems_->store().fail_commits(std::nullopt); });
}

void Simulation::kill_gateway() {
  auto& gateway = *world_.dice.pick(gateways_);
  const bool reboot = world_.dice.chance(30);
  gateway.kill(reboot, world_.dice.chance(15),
               world_.dice.between(milliseconds(100), reboot ? seconds(30) : seconds(6)));
}

void Simulation::kill_gateway(bool reboot) {
  world_.dice.pick(gateways_)->kill(reboot, false, world_.dice.between(milliseconds(100), seconds(6)));
}

void Simulation::stop_gateway() {
  world_.dice.pick(gateways_)->stop(world_.dice.chance(15) ? world_.dice.between(seconds(50), seconds(90))
                                                           : world_.dice.between(milliseconds(500), seconds(12)));
}

void Simulation::kernel_refuses() {
  world_.dice.pick(gateways_)->kernel_refusals = 1 + static_cast<unsigned>(world_.dice.below(2));
}

void Simulation::kill_agent() {
  world_.dice.pick(agents_)->kill(world_.dice.chance(25), world_.dice.chance(10)
                                                              ? world_.dice.between(seconds(65), seconds(90))
                                                              : world_.dice.between(milliseconds(100), seconds(8)));
}

void Simulation::jump_wall() {
  // Never so far that a certificate of the last minutes would not be valid yet.
  const Millis offset(static_cast<std::int64_t>(world_.dice.below(240'000)) - 120'000);
  const auto who = world_.dice.below(1 + gateways_.size() + agents_.size());
  std::string name = "the EMS";
  if (who == 0) {
    ems_->clock.wall_offset = offset;
  } else if (who <= gateways_.size()) {
    auto& gateway = *gateways_[who - 1];
    name = gateway.name();
    gateway.set_back += std::max(Millis(0), gateway.clock.wall_offset - offset);
    gateway.clock.wall_offset = offset;
  } else {
    auto& agent = *agents_[who - 1 - gateways_.size()];
    name = agent.name();
    agent.clock.wall_offset = offset;
  }
  world_.journal.note(Kind::kWallJump, "{}'s clock is set to {} ms beside the right time", name, offset.count());
}

}  // namespace postern::sim
