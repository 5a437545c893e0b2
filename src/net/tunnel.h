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
#include "net/name_lookup.h"

namespace postern::net {

struct TunnelLimits {
  std::size_t max_tunnels = 16'384;          ///< Those that are being dialled count.
  std::size_t max_per_owner = 1'024;         ///< Of them on one account (TunnelAnswer::owner).
  std::size_t max_beginning = 4'096;         ///< That have not been answered yet; more are closed at once.
  std::chrono::seconds head_timeout{10};     ///< Until the request is there.
  std::chrono::seconds connect_timeout{10};  ///< For all addresses of the destination, which share it; NameLookupLimits are its name's.
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
  std::string owner = {};         ///< On whose account; all without a name share one.
  HttpResponse refusal;
};
/// Of a valid upgrade that offers the subprotocol.
using TunnelDecision = std::function<TunnelAnswer(const HttpRequest&)>;

struct TunnelListening {
  std::string path;   ///< Of the Unix socket. A stale one is replaced, one that a live process listens on refused.
  mode_t mode = 0600; ///< The file's.
  /// The file is there and nobody can connect yet: it may be given away, and rights given up. May be null.
  std::function<Status()> bound;
  TunnelDecision decide;
  std::function<void(const TunnelAnswer::Destination&, const TunnelEnd&)> on_end;  ///< Of tunnels that were open. May be null.
  TunnelLimits limits;
  HostLookup lookup = system_lookup;
  NameLookupLimits lookup_limits;
};

/// Listens on a Unix socket. A destination that can't be reached is told as 502, one that is silent as 504, before the
/// upgrade: who gets 101 is connected. Addresses are dialled as they are. Of what a name leads to, addresses of this machine
/// itself and of its link (loopback, unspecified, link-local, multicast) are left out: who owns a name must not choose those.
/// Thread: loop.
class TunnelServer {
 public:
  virtual ~TunnelServer() = default;  ///< Ends all tunnels.
  virtual std::size_t open() const = 0;
  struct Counts {
    std::size_t places = 0;           ///< Taken: open, or being dialled.
    std::uint64_t refused_full = 0;   ///< For max_tunnels (503).
    std::uint64_t refused_owner = 0;  ///< For max_per_owner (429).
  };
  virtual Counts counts() const = 0;
  static Result<std::unique_ptr<TunnelServer>> listen(Loop& loop, TunnelListening how);
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
