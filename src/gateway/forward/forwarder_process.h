#pragma once
// The forwarder as the gateway sees it: started when it is needed, started again when it dies, left alone by a gateway
// that goes, and taken over by the next.
#include <chrono>
#include <filesystem>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "gateway/forward/forwarder_limits.h"
#include "net/loop.h"

namespace postern::gateway {

/// Thread: loop.
class ForwarderProcess {
 public:
  struct Options {
    std::string program = "/proc/self/exe";  ///< postern-gateway.
    std::string socket;                      ///< In a folder of its own, which is made (forwarder_place.h).
    std::string user;                        ///< Who nginx runs as, if we are root; empty: as we are.
    std::filesystem::path log;               ///< What it says, in the same folder; begun anew past 1 MiB.
    std::chrono::milliseconds pause{200};    ///< Before it is started again; doubles up to 32 of them.
  };
  ForwarderProcess(net::Loop& loop, Options options) : loop_(loop), options_(std::move(options)) {}
  ~ForwarderProcess();
  ForwarderProcess(const ForwarderProcess&) = delete;
  ForwarderProcess& operator=(const ForwarderProcess&) = delete;

  /// It is needed from now on. Again: nothing.
  void start();
  /// Ends it and the connections it carries; also one that a gateway before this one left. Never any other process.
  void stop();
  const std::string& socket() const { return options_.socket; }
  bool wanted() const { return wanted_; }
  /// Whether it runs and takes connections, if it is needed; more about it. One that hangs is ended (forwarder_limits.h). One that ends again and again is ill until one has
  /// lived for a while. Thread: loop; reads a small file.
  Result<std::string> health() const;
  /// As it last said; nullopt: it does not run, or what it says can't be read.
  std::optional<ForwarderState> state() const;

 private:
  bool adopt();
  Result<pid_t> launch();
  void run();
  void watch(int pidfd, pid_t child);
  void died();
  void look();

  net::Loop& loop_;
  Options options_;
  bool wanted_ = false;
  int pidfd_ = -1;
  pid_t child_ = 0;  // ours to wait for
  int deaths_ = 0;
  MonoTime begun_{}, seen_alive_{};
  int silent_looks_ = 0;
  Status health_;
  net::Handle exit_, again_, look_;
};

}  // namespace postern::gateway
