#pragma once
// Orders to end sessions, from when they are sent to the workers until all have said what they did.
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "ecshm/clear.h"
#include "net/loop.h"

namespace postern::gateway {

struct SessionsCleared {
  std::uint64_t ended = 0;
  std::size_t silent = 0;  ///< Workers that had not answered in time: what they did is not known.
};

/// Thread: loop.
class SessionClearing {
 public:
  using Done = std::function<void(const SessionsCleared&)>;
  using Send = std::function<std::set<std::uint64_t>(const ecshm::ClearOrder&)>;
  /// How long workers are waited for.
  static constexpr std::chrono::seconds kPatience{3};

  explicit SessionClearing(net::Loop& loop) : loop_(loop) {}

  /// Sends each of the orders under a ticket of its own; `send` says which workers were told. `done` exactly once, never
  /// inside this call, unless this object goes first.
  void start(std::vector<ecshm::ClearOrder> orders, const Send& send, Done done);
  void answered(std::uint64_t worker, std::uint32_t ticket, std::uint32_t ended);
  /// The worker's sessions ended with it.
  void gone(std::uint64_t worker);

 private:
  struct Round {
    std::set<std::pair<std::uint64_t, std::uint32_t>> waiting;  // worker and ticket
    SessionsCleared so_far;
    Done done;
    net::Handle timer;
  };
  void settle(std::uint64_t round);

  net::Loop& loop_;
  std::map<std::uint64_t, Round> rounds_;
  std::uint64_t next_round_ = 1;
  std::uint32_t next_ticket_ = 1;
};

}  // namespace postern::gateway
