#pragma once
// For tests: ports of the loopback interface.
#include <cstdint>

namespace postern::gateway {

/// A program that listens at 127.0.0.1 as long as this lives.
class LoopbackListener {
 public:
  explicit LoopbackListener(std::uint16_t port = 0);  ///< 0: a free one.
  ~LoopbackListener();
  LoopbackListener(const LoopbackListener&) = delete;
  LoopbackListener& operator=(const LoopbackListener&) = delete;

  std::uint16_t port() const { return port_; }
  /// Waits for the next connection, which is the caller's; -1 after `stop`.
  int accept() const;
  /// Ends an `accept` that waits on another thread.
  void stop() const;

 private:
  int fd_;
  std::uint16_t port_ = 0;
};

/// A port that nobody listens at.
std::uint16_t free_port();

}  // namespace postern::gateway
