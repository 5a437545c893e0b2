#pragma once
// A WebSocket over a transport that has finished its HTTP upgrade.
#include <memory>
#include <string>

#include "net/detail/state.h"
#include "net/websocket.h"

namespace postern::net::detail {

/// `first`: bytes that came behind the upgrade. Reading begins in the next turn, after the owner has set its callbacks.
WebSocketPtr start_websocket(asio::io_context& io, TransportPtr transport, bool server, std::string first,
                             WebSocketLimits limits, std::function<void()> on_end = nullptr);

/// The answer to a Sec-WebSocket-Key (RFC 6455 §4.2.2).
std::string websocket_accept(const std::string& key);

}  // namespace postern::net::detail
