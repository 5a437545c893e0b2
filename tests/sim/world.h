#pragma once
// What all parts of one simulation share. The parts themselves: EmsNode, AgentNode, GatewayNode; who makes things
// happen is Simulation.
#include "base/clock.h"
#include "dice.h"
#include "journal.h"
#include "ledger.h"
#include "network.h"
#include "timeline.h"

namespace postern::sim {

struct Options {
  std::uint64_t seed = 1;
  std::size_t steps = 205;
  bool print = false;
  // The planted bugs.
  bool acknowledge_before_commit = false;  ///< The EMS says first what it may say only once it is committed.
  /// Gateways take what a snapshot lists, whatever it announced.
  bool accept_empty_snapshots = false;
};

struct World {
  explicit World(const Options& o)
      : options(o), journal(o.print), timeline(journal), dice(o.seed), network(timeline, journal, dice.seed()) {}

  Options options;
  Journal journal;
  Timeline timeline;
  Dice dice;  ///< The scenario's.
  Network network;
  Ledger ledger;
  bool calm = false;  ///< No more faults.

  MonoTime mono() const { return timeline.now(); }
};

/// A machine's own clocks.
struct MachineClock {
  Millis wall_offset{0};  ///< It is set wrong by this.
  Nanos booted{0};        ///< When it booted, on the simulation's clock.

  Now at(MonoTime mono) const {
    // 2026-05-28T20:26:40Z when the simulation's clock stands at zero.
    const auto wall = WallTime(Millis(1'780'000'000'000) + std::chrono::duration_cast<Millis>(mono.time_since_epoch()));
    return {wall + wall_offset, mono - booted};
  }
  /// Its own reading of the monotonic clock on the simulation's.
  MonoTime to_simulation(MonoTime mine) const { return mine + booted; }
};

inline constexpr int kEmsHost = 0;
inline constexpr Seconds kThreshold{45};  ///< Connectors' out-of-sync threshold.
inline constexpr Seconds kOfflineTimeout{60};
inline constexpr Seconds kKeepalive{20};

}  // namespace postern::sim
