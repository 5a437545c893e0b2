#include "simulation.h"

#include <algorithm>

namespace postern::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::size_t kAgents = 5;
constexpr std::size_t kGateways = 2;

}  // namespace

Simulation::Simulation(const Options& options) : crypto_(options.seed), world_(options) {
  ems_ = std::make_unique<EmsNode>(world_);
  for (std::size_t i = 0; i < kGateways; ++i) {
    auto& gateway = *gateways_.emplace_back(std::make_unique<GatewayNode>(world_, *ems_, i));
    gateway.who_answers = [this, i](const IpAddress& ip) { return who_answers(i, ip); };
  }
  for (std::size_t i = 0; i < kAgents; ++i) agents_.push_back(std::make_unique<AgentNode>(world_, static_cast<int>(i)));
}

void Simulation::set_up() {
  ems_->start();
  for (std::size_t i = 0; i < kGateways; ++i) {
    gateways_[i]->set_interfaces({{"port1", gateway_mac(i), {{segment_address(i, 1), 24}}}});
    gateways_[i]->start();
  }
  give_invitation();
  world_.timeline.run_until(world_.mono() + seconds(2));
  for (auto& gateway : gateways_) authorise(*gateway);
  for (int i = 0; i < 3; ++i) save_tag();
  for (auto& agent : agents_) {
    for (const auto& name : known_processes()) {
      if (world_.dice.chance(50)) agent->posture.processes.insert(name);
    }
    for (const auto& name : known_files()) {
      if (world_.dice.chance(50)) agent->posture.files.insert(name);
    }
    world_.timeline.after(world_.dice.between(milliseconds(0), seconds(2)), [&agent] { agent->start(); });
  }
  world_.timeline.run_until(world_.mono() + seconds(3));
}

void Simulation::step() {
  static constexpr Move kMoves[] = {
      {40, &Simulation::change_posture},
      {6, &Simulation::change_address},
      {4, &Simulation::roam},
      {4, &Simulation::claim_address},
      {5, &Simulation::lose_neighbour},
      {3, &Simulation::spoof_neighbour},
      {3, &Simulation::change_interfaces},
      {12, &Simulation::access},
      {3, &Simulation::impostor},
      {12, &Simulation::cut},
      {7, &Simulation::half_open},
      {7, &Simulation::partition},
      {3, &Simulation::damage_snapshot},
      {7, &Simulation::kill_ems},
      {2, &Simulation::shut_ems_down},
      {5, &Simulation::fill_disk},
      {6, &Simulation::kill_gateway},
      {4, &Simulation::stop_gateway},
      {5, &Simulation::damage_delta},
      {4, &Simulation::kernel_refuses},
      {7, &Simulation::kill_agent},
      {5, &Simulation::jump_wall},
      {4, &Simulation::renew},
      {5, &Simulation::quarantine},
      {7, &Simulation::release},
      {4, &Simulation::end_registration},
      {3, &Simulation::remove_endpoint},
      {10, &Simulation::save_tag},
      {4, &Simulation::rename_tag},
      {4, &Simulation::delete_tag},
      {8, &Simulation::change_sharing},
      {4, &Simulation::authorise},
      {3, &Simulation::unauthorise},
      {2, &Simulation::remove_device},
  };
  static const auto kTotal = [] {
    unsigned total = 0;
    for (const auto& move : kMoves) total += move.weight;
    return total;
  }();
  auto roll = world_.dice.below(kTotal);
  for (const auto& move : kMoves) {
    if (roll < move.weight) return (this->*move.make)();
    roll -= move.weight;
  }
}

void Simulation::make_up() {
  constexpr unsigned kTries = 200;  // many need others to be up, or something to be said
  for (unsigned tries = 0; tries < kTries && !world_.journal.failed(); ++tries) {
    const auto owed = std::ranges::find_if(kFaults, [&](Kind kind) { return world_.journal.count(kind) == 0; });
    if (owed == kFaults.end()) return;
    for (const auto& gateway : gateways_) {
      const auto device = ems_->stored_device(gateway->serial());
      if (device && device->state != ems::DeviceState::kAuthorised) authorise(*gateway);
    }
    switch (*owed) {
      case Kind::kHalfOpen: half_open(); break;
      case Kind::kPartition: partition(); break;
      case Kind::kSnapshotDamaged:
        // Gateways need some time to come back and ask for one.
        if (ems_->damage_snapshots == 0 || tries % 25 == 0) damage_snapshot();
        break;
      case Kind::kDeltaDamaged: damage_delta(); break;
      case Kind::kEmsKilled: kill_ems(EmsNode::Death::kIdle, false); break;
      case Kind::kEmsKilledBeforeCommit: kill_ems(EmsNode::Death::kBeforeCommit, false); break;
      case Kind::kEmsKilledAfterCommit: kill_ems(EmsNode::Death::kAfterCommit, false); break;
      case Kind::kEmsKilledMidway: kill_ems(EmsNode::Death::kMidway, false); break;
      case Kind::kMachineLost: kill_ems(EmsNode::Death::kIdle, true); break;
      case Kind::kEmsShutDown: shut_ems_down(); break;
      case Kind::kDiskFull: fill_disk(); break;
      case Kind::kGatewayKilled: kill_gateway(false); break;
      case Kind::kGatewayRebooted: kill_gateway(true); break;
      case Kind::kGatewayStopped: stop_gateway(); break;
      case Kind::kKernelRefuses: kernel_refuses(); break;
      case Kind::kAgentKilled: kill_agent(); break;
      case Kind::kWallJump: jump_wall(); break;
      default: cut(); break;  // and what comes of it: refused, delayed
    }
    change_posture();
    world_.timeline.run_until(world_.mono() + world_.dice.between(milliseconds(100), seconds(4)));
  }
}

void Simulation::each_second() {
  for (auto& gateway : gateways_) gateway->check_denied();
  if (ems_->up() && !world_.journal.failed()) {
    // For the counts: who has gone past the offline timeout.
    for (const auto& agent : agents_) {
      const auto* e = agent->registered() ? ems_->core().endpoint(agent->uid()) : nullptr;
      const bool offline = e != nullptr && e->registered() && !e->online;
      if (offline && !offline_.contains(agent->uid())) world_.journal.note(Kind::kWentOffline, "{}", agent->name());
      if (offline) {
        offline_.insert(agent->uid());
      } else {
        offline_.erase(agent->uid());
      }
    }
  }
  world_.timeline.after(seconds(1), [this] { each_second(); });
}

void Simulation::calm_down() {
  world_.calm = true;
  world_.journal.say("calm from now on");
  world_.network.heal();
  ems_->store().fail_commits(std::nullopt);
  ems_->damage_snapshots = ems_->damage_deltas = 0;
  ems_->spare();
  for (std::size_t i = 0; i < kGateways; ++i) {
    auto& gateway = *gateways_[i];
    gateway.kernel_refusals = 0;
    gateway.set_interfaces({{"port1", gateway_mac(i), {{segment_address(i, 1), 24}}}});
    std::vector<gateway::NeighbourKey> all;
    for (const auto& [key, neighbour] : gateway.neighbours()) all.push_back(key);
    for (const auto& key : all) gateway.set_neighbour(key, std::nullopt);
  }
}

bool Simulation::agreed(std::string& why) {
  const auto no = [&](std::string text) {
    why = std::move(text);
    return false;
  };
  if (!ems_->up()) return no("the EMS is down");
  auto& core = ems_->core();
  if (core.flush_wanted()) return no("the EMS is at work");
  for (const auto& agent : agents_) {
    if (!agent->up() || !agent->registered() || !agent->settled() || !world_.network.alive(agent->connection())) {
      return no(agent->name() + " is not at rest");
    }
    const auto* e = core.endpoint(agent->uid());
    if (e == nullptr || !e->registered() || !e->online) return no(agent->name() + " is not online");
  }
  for (const auto& gateway : gateways_) {
    if (!gateway->up() || gateway->stopped() || !gateway->client().synchronised() || !gateway->leased() ||
        !world_.network.alive(gateway->connection())) {
      return no(gateway->name() + " is not synchronised");
    }
    const auto device = core.fabric_device(gateway->serial());
    if (!device || !device->report || device->report->live_sessions != gateway->core().live_sessions() ||
        device->report->allowed != gateway->decisions().allowed) {
      return no("the EMS does not know what " + gateway->name() + "'s access proxies did");
    }
    for (const auto& [key, n] : gateway->neighbours()) {
      if (n.state == gateway::Neighbour::State::kAsking) return no(gateway->name() + " asks its network");
    }
  }
  if (!world_.network.idle()) return no("messages are under way");
  return true;
}

Outcome Simulation::run() {
  each_second();
  set_up();
  while (moves_ < world_.options.steps && !world_.journal.failed()) {
    const auto before = moves();
    step();
    moves_ += moves() - before != 0;
    const auto roll = world_.dice.below(100);
    const auto wait = roll < 70   ? world_.dice.between(milliseconds(0), milliseconds(400))
                      : roll < 96 ? world_.dice.between(milliseconds(400), seconds(4))
                                  : world_.dice.between(seconds(5), seconds(60));
    world_.timeline.run_until(world_.mono() + wait);
  }
  make_up();
  if (!world_.journal.failed()) calm_down();
  const auto until = world_.mono() + minutes(12);
  std::string why = "it never came to rest";
  unsigned quiet = 0;
  while (!world_.journal.failed() && quiet < 10) {
    if (world_.mono() > until) world_.journal.violation("no agreement after 12 minutes of calm: {}", why);
    world_.timeline.run_until(world_.mono() + milliseconds(1100));
    if (ems_->up()) {
      for (const auto& gateway : gateways_) {
        const auto device = ems_->stored_device(gateway->serial());
        const bool authorised = device && device->state == ems::DeviceState::kAuthorised;
        if (device && !authorised && world_.dice.chance(30)) authorise(*gateway);
      }
    }
    if (world_.journal.failed()) break;
    // A ping may be under way at any look; only rest in a row means rest.
    quiet = agreed(why) ? quiet + 1 : 0;
  }
  if (!world_.journal.failed()) check_agreement();
  Outcome out;
  out.violation = world_.journal.violation();
  out.tail = world_.journal.tail();
  out.counts = world_.journal.counts();
  out.events = moves_;
  return out;
}

std::size_t Simulation::moves() const {
  // What happens by itself, or follows, is no move.
  std::size_t out = 0;
  for (std::size_t i = static_cast<std::size_t>(Kind::kCut); i < static_cast<std::size_t>(Kind::kEnrolled); ++i) {
    out += world_.journal.counts()[i];
  }
  return out;
}

}  // namespace postern::sim
