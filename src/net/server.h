#pragma once
// An HTTPS listener: HTTP/1.1 requests and WebSocket upgrades over TLS, bounded everywhere.
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "net/http.h"
#include "net/loop.h"
#include "net/websocket.h"

namespace postern::net {

struct ServerLimits {
  std::size_t max_header = 32u << 10;
  std::size_t max_body = 16u << 20;
  std::size_t max_connections = 20'000;
  std::vector<std::string> repeatable = {};   ///< Names that a query may hold several times; others are refused with 400.
  std::chrono::seconds handshake_timeout{10};
  std::chrono::seconds request_timeout{30};   ///< From a request's first byte to its last.
  std::chrono::seconds keepalive_timeout{75};
};

/// Called for a WebSocket upgrade. Returns what to do with it: an HTTP refusal, or a callback that receives the socket.
struct UpgradeDecision {
  HttpResponse refusal;                              ///< Used when `accept` is null.
  std::function<void(WebSocketPtr)> accept;
  WebSocketLimits limits;
};
using UpgradeHandler = std::function<UpgradeDecision(const HttpRequest&)>;
/// Makes the answer, in the form that the listener's clients know, to what never becomes a request: not valid HTTP, a path
/// or query with more than one reading (400), too large (413), a target that is (414), an upgrade that nobody serves (400). The connection ends
/// with it. Without one a line of plain text is sent.
using RefusalHandler = std::function<HttpResponse(int status, const Error& error)>;

/// HEAD reaches the handler as GET; what it answers goes out without its body.
class Server {
 public:
  virtual ~Server() = default;  ///< Closes the listener and aborts its connections.
  virtual std::uint16_t port() const = 0;
  /// New connections use this from now on; connections that are open go on. Errors: kInvalidArgument (bad PEM, key does
  /// not belong to the certificate); the old configuration then stays.
  virtual Status set_tls(const TlsServerConfig& config) = 0;

  /// Binds and listens on address:port (port 0: a free one). Errors: kInvalidArgument, kAlreadyExists (address in
  /// use), kPermissionDenied. Thread: loop.
  static Result<std::unique_ptr<Server>> listen(Loop& loop, IpAddress address, std::uint16_t port,
                                                const TlsServerConfig& tls, HttpHandler on_request,
                                                UpgradeHandler on_upgrade, ServerLimits limits = {},
                                                RefusalHandler on_refusal = nullptr);
  /// The same without TLS, for loopback and test use and for Unix peers behind it.
  static Result<std::unique_ptr<Server>> listen_plain(Loop& loop, IpAddress address, std::uint16_t port,
                                                      HttpHandler on_request, UpgradeHandler on_upgrade,
                                                      ServerLimits limits = {}, RefusalHandler on_refusal = nullptr);
};

}  // namespace postern::net
