#pragma once
// A WebSocket (RFC 6455) that carries binary messages, whichever end opened it.
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/hex.h"
#include "net/tls.h"

namespace postern::net {

struct WebSocketLimits {
  std::size_t max_message = 8u << 20;     ///< A larger message closes the connection with 1009.
  std::size_t max_queue = 64u << 20;      ///< Bytes waiting to be sent; past it the connection is closed (1013).
  std::chrono::seconds ping_interval{20}; ///< Silence after which we ping.
  std::chrono::seconds idle_timeout{60};  ///< Silence after which the connection counts as dead.
};

/// Thread: loop. The object lives until its owner drops it and the connection has ended.
class WebSocket {
 public:
  virtual ~WebSocket() = default;
  /// Queues one binary message; messages queued in one turn of the loop leave in one write. Ignored once closed.
  virtual void send(Bytes message) = 0;
  /// Sends a close frame after what is queued; `on_close` follows.
  virtual void close(std::uint16_t code, std::string reason) = 0;
  /// Drops the connection at once, without a close frame; `on_close` is not called any more.
  virtual void abort() = 0;
  virtual std::size_t queued_bytes() const = 0;
  virtual const PeerIdentity& peer() const = 0;

  /// Each message, whole. Set before returning from the callback that handed the socket over.
  std::function<void(ByteView)> on_message;
  /// Once, when the connection has ended, with the close code (1006: without one) and a reason for logs.
  std::function<void(std::uint16_t code, std::string reason)> on_close;
};
using WebSocketPtr = std::shared_ptr<WebSocket>;

}  // namespace postern::net
