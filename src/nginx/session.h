#pragma once
// What a worker remembers of live connections and the requests on them, so that each can be judged
// again at any moment.
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/ip.h"
#include "base/sha256.h"
#include "ecshm/session_kind.h"
#include "ecshm/reader.h"
#include "nginx/interface.h"
#include "nginx/intrusive_list.h"
#include "nginx/ngx.h"
#include "policy/decide.h"

namespace postern::nginx {

struct Connection;

/// For reports: 0 when the clock was set back meanwhile.
inline std::uint32_t milliseconds_between(WallTime from, WallTime to) {
  return to > from ? static_cast<std::uint32_t>((to - from).count()) : 0;
}

/// A request that was let through and has not ended. Lives in the request's pool; leaves by the
/// request's cleanup.
struct LiveRequest {
  Link<LiveRequest> in_connection{this};
  ngx_http_request_t* request = nullptr;
  Connection* connection = nullptr;
  // What the decision was about, copied: rewrites change the request's own fields.
  std::uint32_t proxy = 0;
  std::string_view host;
  std::string_view path;
  std::string_view destination;  ///< Of a forwarded TCP connection, "host:port" as the client named it; else empty.
  bool manageable = true;
  policy::Decision decision;
  WallTime started{};
  ecshm::SessionKind kind = ecshm::SessionKind::kNone;
  std::uint32_t server = 0;  ///< Number of the real server that was chosen last; 0: none was.
  bool cut = false;  ///< Its end was reported.
  std::string cut_id;  ///< Under which it was, or will be.
  policy::Reason cut_reason = policy::Reason::kNone;
  std::optional<policy::Decision> lost;  ///< Why it may not go on; its client has been told, or will be by `cut_request`.
  WallTime lost_at{};
  bool told = false;  ///< A gRPC call: its status is sent, or queued.
};

/// A TLS connection and whose it is. Lives in the connection's pool; leaves by the pool's cleanup.
struct Connection {
  Link<Connection> in_all{this};
  Link<Connection> in_slot{this};
  Link<Connection> in_lost{this};  ///< Something of it may not go on, and has not been cleared away yet.
  List<LiveRequest> requests;
  ngx_connection_t* socket = nullptr;  ///< The real one, also under HTTP/2.
  policy::Certificate certificate = policy::Certificate::kNone;
  long verify_error = 0;  ///< OpenSSL's X509_V_ERR_….
  Sha256 leaf{};
  WallTime not_after{};
  std::string_view server_name;  ///< What its handshake named (SNI), OpenSSL's; empty where it named none.
  IpAddress source;
  std::uint16_t source_port = 0;
  InterfaceName interface;       ///< Meaningful once it was asked for.
  bool interface_asked = false;
  bool opened = false;  ///< The gateway was told of it as a session.
  bool stranger = false;  ///< It is none, without a certificate; but the gateway was told of the forwarded TCP connection that it became.
  InterfaceName told;   ///< What the gateway was told of its interface.
  std::uint32_t proxy = 0;  ///< Of its first request that was let through.
  ecshm::SessionKind kind = ecshm::SessionKind::kNone;  ///< What it was last told to be.
  std::string destination;  ///< Of the forwarded TCP connection that it became, as the gateway was told; else empty.
  // Where its endpoint was found last.
  std::uint32_t slot = ecshm::Reader::kNoSlot;
  std::uint64_t generation = 0;
  bool asked = false;  ///< Its slot went with a generation; the gateway was asked before cutting.
  bool lost = false;   ///< Itself, with everything on it.
  bool had_slot = false;  ///< When something of it was lost.
  bool silenced = false;  ///< The client saw a reset; nginx has not let go of it yet.
  bool reached = true;    ///< Whatever is written to its socket would still get to the client.
  bool watched = true;    ///< The kernel tells nginx of what happens to its socket.
  // Of what was ended on an administrator's order, while it is in `in_lost`.
  policy::Reason cleared = policy::Reason::kNone;  ///< kNone: something went on on it, which has its own report.
  std::shared_ptr<const std::string> detail;  ///< nullptr: it ended by itself.
};

/// The session of this request's connection, made on first use from what TLS proved; nullptr when
/// out of memory.
Connection* connection_of(ngx_http_request_t* r);
/// The real connection under this request.
ngx_connection_t* socket_of(ngx_http_request_t* r);

/// The client sees the end of the whole connection, of which nothing more is sent or read; nginx keeps it until
/// `cut_connection`. One system call, so that of many sessions none waits for the clearing away of others.
void silence_connection(Connection& connection);
/// The same for those of its HTTP/2 streams that have `lost`, all in one record, and nothing that is queued for them is
/// sent any more; gRPC calls are told why. Where the connection is busy with another record, resets are left to
/// `cut_request`. With much unsent in the socket the whole connection is silenced.
void silence_streams(Connection& connection);
/// One that is silenced and can't be reached is told of by the kernel no more, and nothing of it is looked at until `cut_connection`.
void stop_watching(Connection& connection);

/// Ends one live request at once: nothing that is queued for it is sent any more. An HTTP/1.1
/// connection goes with it. The LiveRequest, and possibly its Connection, is gone afterwards.
void cut_request(LiveRequest& live);
/// Ends a connection with everything on it; data in the socket's queue is discarded and the client
/// sees a reset.
void cut_connection(Connection& connection);

}  // namespace postern::nginx
