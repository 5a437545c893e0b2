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
  /// How long workers are waited for, after they were sent something.
  static constexpr std::chrono::seconds kPatience{3};
  /// So many orders are sent before their answers are waited for: a worker's socket has room for some 160.
  static constexpr std::size_t kAtOnce = 64;

  explicit SessionClearing(net::Loop& loop, std::chrono::milliseconds patience = kPatience) : loop_(loop), patience_(patience) {}

  /// Sends each of the orders under a ticket of its own; `send` says which workers were told. One that is silent is not
  /// waited for again, but gets the rest, too. `done` exactly once, never inside this call, unless this object goes first.
  void start(std::vector<ecshm::ClearOrder> orders, Send send, Done done);
  void answered(std::uint64_t worker, std::uint32_t ticket, std::uint32_t ended);
  /// The worker's sessions ended with it.
  void gone(std::uint64_t worker);

 private:
  struct Round {
    std::vector<ecshm::ClearOrder> orders;
    std::size_t sent = 0;  // of them
    Send send;
    std::set<std::pair<std::uint64_t, std::uint32_t>> waiting;  // worker and ticket
    std::set<std::uint64_t> silent;
    std::uint64_t ended = 0;
    Done done;
    net::Handle timer;
  };
  void send_some(std::uint64_t number, Round& round);
  /// Nobody is waited for any more: the next orders, or the end.
  void advance(std::uint64_t round);

  net::Loop& loop_;
  const std::chrono::milliseconds patience_;
  std::map<std::uint64_t, Round> rounds_;
  std::uint64_t next_round_ = 1;
  std::uint32_t next_ticket_ = 1;
};

}  // namespace postern::gateway
