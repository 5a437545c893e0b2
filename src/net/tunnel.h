#pragma once
// TCP connections inside WebSockets (docs/protocol/tcp-forwarding.md), both ends: the server dials what a client names,
// the client carries a connection that somebody made to it. Nothing is gathered: where one side does not take bytes, the
// other is not read.
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/ip.h"
#include "base/result.h"
#include "net/client.h"
#include "net/http.h"
#include "net/loop.h"

namespace postern::net {

struct TunnelLimits {
  std::size_t max_tunnels = 16'384;
  std::chrono::seconds head_timeout{10};     ///< Until the request is there.
  std::chrono::seconds connect_timeout{10};  ///< To the destination, its name's look-up included.
  std::chrono::seconds ping_interval{30};    ///< Each end sends one so often; keeps what lies between from giving up.
};

/// How a tunnel ended.
struct TunnelEnd {
  bool clean = false;          ///< Both directions ended by themselves, every byte was delivered.
  std::uint16_t code = 0;      ///< As tcp_frames::Code; 1006: the WebSocket's connection ended without one.
  std::string reason;          ///< For logs.
  std::uint64_t from_tcp = 0;  ///< Bytes read from the TCP connection.
  std::uint64_t to_tcp = 0;
};

/// What a server makes of a request.
struct TunnelAnswer {
  struct Destination {
    std::string host;  ///< Name or address.
    std::uint16_t port = 0;
  };
  std::optional<Destination> to;  ///< nullopt: `refusal` is sent.
  HttpResponse refusal;
};
/// Of a valid upgrade that offers the subprotocol.
using TunnelDecision = std::function<TunnelAnswer(const HttpRequest&)>;

/// Listens on a Unix socket. A destination that can't be reached is told as 502, one that is silent as 504, before the
/// upgrade: who gets 101 is connected.
/// Thread: loop.
class TunnelServer {
 public:
  virtual ~TunnelServer() = default;  ///< Ends all tunnels.
  virtual std::size_t open() const = 0;
  /// Replaces a stale socket file; refuses one that a live process listens on. `mode` is the file's. `on_end` (may be
  /// null) hears of each tunnel that was open.
  static Result<std::unique_ptr<TunnelServer>> listen(Loop& loop, const std::string& path, mode_t mode, TunnelDecision decide,
                                                      std::function<void(const TunnelAnswer::Destination&, const TunnelEnd&)> on_end,
                                                      TunnelLimits limits = {});
};

/// A TCP connection that was accepted and not read yet. Dropping it resets it.
class LocalConnection {
 public:
  virtual ~LocalConnection() = default;
};
using LocalConnectionPtr = std::unique_ptr<LocalConnection>;

/// Thread: loop.
class LocalListener {
 public:
  virtual ~LocalListener() = default;
  virtual std::uint16_t port() const = 0;
  /// Port 0: a free one. Errors: kInvalidArgument (not a loopback address), kAlreadyExists (taken), kPermissionDenied.
  static Result<std::unique_ptr<LocalListener>> listen(Loop& loop, IpAddress address, std::uint16_t port,
                                                       std::function<void(LocalConnectionPtr)> on_connection);
};

struct TunnelRefusal {
  int status = 0;        ///< HTTP's; 0: it never got so far, `error` says why.
  HttpResponse response; ///< Its body up to 64 KiB.
  Error error;
};
struct TunnelEvents {
  std::function<void()> on_open;
  std::function<void(const TunnelRefusal&)> on_refused;  ///< Last; the connection was reset.
  std::function<void(const TunnelEnd&)> on_end;          ///< Last.
};
/// Opens a tunnel at `path` (with its query, encoded) for a connection. The handle ends it at once, without a callback.
/// Thread: loop.
[[nodiscard]] Handle open_tunnel(Loop& loop, Target target, std::string path, LocalConnectionPtr connection,
                                 TunnelEvents events, TunnelLimits limits = {});

}  // namespace postern::net
