#pragma once
// Outgoing HTTPS requests and WebSockets.
#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "net/http.h"
#include "net/loop.h"
#include "net/websocket.h"

namespace postern::net {

struct Target {
  std::string host;          ///< Name or IP address.
  std::uint16_t port = 443;
  TlsClientConfig tls;
  std::chrono::milliseconds timeout{10'000};  ///< For resolving, connecting and the handshake together.
  std::string source_ip;     ///< Local address to bind; empty: the kernel's choice.
};

/// Errors carry what a person needs: "connecting to ems.example:8443: connection refused (is the port right?)".
/// kUnavailable: no connection. kUnauthenticated: TLS failed or the peer was not accepted. kDeadlineExceeded.
/// kDataLoss: the peer broke the protocol. kPermissionDenied: upgrade refused by HTTP status (in the message).
using HttpReply = std::function<void(Result<HttpResponse>)>;
/// Sends one request on a connection of its own. The handle cancels it. Thread: loop.
[[nodiscard]] Handle http_request(Loop& loop, Target target, HttpRequest request, HttpReply reply,
                                  std::size_t max_body = 16u << 20);

using WebSocketReply = std::function<void(Result<WebSocketPtr>)>;
/// Opens a WebSocket at `path`. Thread: loop.
[[nodiscard]] Handle open_websocket(Loop& loop, Target target, std::string path, WebSocketReply reply,
                                    WebSocketLimits limits = {});

/// The TLS handshake alone: what does the server show? Accepts any certificate, sends nothing, disconnects.
using ProbeReply = std::function<void(Result<PeerIdentity>)>;
[[nodiscard]] Handle probe_certificate(Loop& loop, Target target, ProbeReply reply);

}  // namespace postern::net
