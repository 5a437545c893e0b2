#pragma once
// Carries bytes between a WebSocket and a TCP connection until both directions have ended or one side fails.
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <functional>
#include <memory>
#include <string>

#include "net/detail/state.h"
#include "net/tunnel.h"

namespace postern::net::detail {

/// For co_await: an error is told and not thrown.
inline auto quiet(error_code& ec) { return asio::redirect_error(asio::use_awaitable, ec); }

/// Thread: loop.
class TunnelPump {
 public:
  virtual ~TunnelPump() = default;
  /// At once, both connections reset; `on_end` is not called any more.
  virtual void abort() = 0;
};
/// `server`: the WebSocket's server is here. `first`: bytes that came behind the upgrade. Lives until its end, which
/// `on_end` hears.
std::shared_ptr<TunnelPump> start_tunnel(asio::io_context& io, TransportPtr transport, asio::ip::tcp::socket tcp, bool server,
                                         std::string first, std::chrono::seconds ping_interval,
                                         std::function<void(TunnelEnd)> on_end);

}  // namespace postern::net::detail
