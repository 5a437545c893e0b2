#pragma once
// Makes single checks, without waiting: on one loop, each on a socket of its own.
#include <chrono>
#include <functional>
#include <map>
#include <memory>

#include "base/random.h"
#include "gateway/health/check.h"
#include "net/loop.h"

namespace postern::gateway::health {

/// Thread: loop.
class Prober {
 public:
  /// `loop` and `random` outlive this.
  Prober(net::Loop& loop, Random& random);
  ~Prober();
  Prober(const Prober&) = delete;

  using Done = std::function<void(Finding)>;
  /// Calls `done` once, from the loop, after `timeout` at the latest; never when this is destroyed before.
  void ask(const Check& check, std::chrono::milliseconds timeout, Done done);

 private:
  struct Probe;
  void ask_over_tls(std::uint64_t id);
  void connect(std::uint64_t id);
  void ping(std::uint64_t id);
  void watch(const Probe& probe, std::uint32_t events, int operation);  // last: failing, it ends the probe
  void on_events();
  void on_connected(std::uint64_t id);
  void on_readable(std::uint64_t id);
  void finish(std::uint64_t id, Finding::Outcome outcome, std::string why);
  void finish(std::uint64_t id, Finding finding);

  net::Loop& loop_;
  Random& random_;
  int epoll_ = -1;
  net::Handle readable_;
  std::uint64_t next_ = 1;
  std::map<std::uint64_t, std::unique_ptr<Probe>> probes_;
};

}  // namespace postern::gateway::health
