#include "nginx/session.h"

#include <linux/sockios.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/ioctl.h>

#include <cstring>
#include <new>

#include "nginx/denial_id.h"
#include "nginx/grpc.h"
#include "nginx/worker.h"

namespace postern::nginx {
namespace {

/// More than this in the socket's queue would still reach the client after the end of an HTTP/2
/// stream.
constexpr int kMaxUnsent = 64 << 10;

void forget_connection(void* data) {
  auto* connection = static_cast<Connection*>(data);
  worker().connection_gone(*connection);
  connection->~Connection();
}

WallTime not_after_of(const X509* certificate) {
  std::tm tm{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &tm) != 1) return WallTime{};
  return from_unix_ms(std::int64_t{timegm(&tm)} * 1000);
}

void read_certificate(Connection& connection, SSL* ssl) {
  X509* leaf = SSL_get1_peer_certificate(ssl);
  if (leaf == nullptr) return;
  connection.certificate = policy::Certificate::kInvalid;
  connection.verify_error = SSL_get_verify_result(ssl);
  unsigned size = 0;
  const bool hashed =
      X509_digest(leaf, EVP_sha256(), connection.leaf.data(), &size) == 1 && size == 32;
  // OpenSSL lets a certificate without key usage pass as a client's; ours always say what they are
  // for.
  const auto usage = X509_get_extended_key_usage(leaf);
  const bool for_clients =
      usage != UINT32_MAX && (usage & XKU_SSL_CLIENT) != 0 && (usage & XKU_SSL_SERVER) == 0;
  if (connection.verify_error == X509_V_OK && !for_clients)
    connection.verify_error = X509_V_ERR_INVALID_PURPOSE;
  if (hashed && connection.verify_error == X509_V_OK) {
    connection.certificate = policy::Certificate::kVerified;
    connection.not_after = not_after_of(leaf);
  }
  X509_free(leaf);
}

IpAddress address_of(const sockaddr* address, std::uint16_t* port) {
  if (address->sa_family == AF_INET) {
    const auto* in = reinterpret_cast<const sockaddr_in*>(address);
    std::array<std::uint8_t, 4> bytes;
    std::memcpy(bytes.data(), &in->sin_addr, bytes.size());
    *port = ntohs(in->sin_port);
    return IpAddress::v4(bytes);
  }
  if (address->sa_family == AF_INET6) {
    const auto* in = reinterpret_cast<const sockaddr_in6*>(address);
    std::array<std::uint8_t, 16> bytes;
    std::memcpy(bytes.data(), &in->sin6_addr, bytes.size());
    *port = ntohs(in->sin6_port);
    return IpAddress::v6(bytes);
  }
  return {};
}

/// From here on closing the socket sends a reset and throws away what is queued.
void arm_reset(ngx_connection_t* c) {
  linger now{1, 0};
  setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  c->error = 1;  // No TLS close_notify, no GOAWAY: the client gets nothing more.
}

/// Takes the stream's data frames out of the connection's queue. Frames marked blocked stay: part
/// of them is sent already, or they carry header compression state that the connection can't do
/// without.
void drop_queued_frames(ngx_http_v2_stream_t* stream) {
  auto* h2c = stream->connection;
  for (auto** out = &h2c->last_out; *out != nullptr;) {
    auto* frame = *out;
    if (frame->stream == stream && !frame->blocked && stream->queued > 0) {
      *out = frame->next;
      --stream->queued;
    } else {
      out = &frame->next;
    }
  }
}

/// RST_STREAM with INTERNAL_ERROR, as nginx itself ends a stream whose answer it can't finish.
void append_reset(std::string& out, ngx_uint_t stream) {
  constexpr std::uint32_t kInternalError = 2;
  out.append("\0\0\x04\x03\0", 5);
  for (const auto value : {static_cast<std::uint32_t>(stream), kInternalError}) {
    for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift);
  }
}

bool too_much_unsent(const ngx_connection_t* c) {
  int unsent = 0;
  return ioctl(c->fd, SIOCOUTQ, &unsent) != 0 || unsent > kMaxUnsent;
}

/// False: it could not be written whole.
bool reset_streams(Connection& connection) {
  auto* c = connection.socket;
  std::string frames;
  connection.requests.for_each([&](LiveRequest& live) {
    if (!live.lost || live.kind == ecshm::SessionKind::kGrpc) return;
    auto* stream = live.request->stream;
    // In the middle of a record, or with frames before it, nothing may be written.
    if (stream->connection->last_out != nullptr || c->buffered != 0 || !c->write->ready) return;
    if (stream->rst_sent || stream->out_closed) return;
    append_reset(frames, stream->node->id);
    stream->rst_sent = 1;
  });
  return frames.empty() ||
         c->send(c, reinterpret_cast<u_char*>(frames.data()), frames.size()) == static_cast<ssize_t>(frames.size());
}

/// Nothing of the application's comes any more, but why.
void tell_call(LiveRequest& live, policy::Reason reason) {
  if (live.told) return;
  live.told = true;
  if (live.cut_id.empty()) live.cut_id = new_denial_id();
  end_grpc_call(live.request, grpc_status(reason),
                "Postern ended this call: " + std::string(policy::reason_text(reason)) + "; " + live.cut_id);
}

/// Ends a request from outside of its own events.
void terminate(ngx_http_request_t* r) {
  auto* c = r->connection;
  c->error = 1;
  // The cleanup of a proxied request gives its own count back on the way; without one more the
  // request would be gone in the middle of its end.
  r->main->count++;
  ngx_http_finalize_request(r, NGX_ERROR);
  ngx_http_run_posted_requests(c);
}

}  // namespace

ngx_connection_t* socket_of(ngx_http_request_t* r) {
  return r->stream != nullptr ? r->stream->connection->connection : r->connection;
}

Connection* connection_of(ngx_http_request_t* r) {
  auto* c = socket_of(r);
  for (auto* cleanup = c->pool->cleanup; cleanup != nullptr; cleanup = cleanup->next) {
    if (cleanup->handler == forget_connection) return static_cast<Connection*>(cleanup->data);
  }
  auto* cleanup = ngx_pool_cleanup_add(c->pool, sizeof(Connection));
  if (cleanup == nullptr) return nullptr;
  auto* connection = new (cleanup->data) Connection;
  cleanup->handler = forget_connection;
  connection->socket = c;
  connection->source = address_of(c->sockaddr, &connection->source_port);
  if (c->ssl != nullptr) {
    read_certificate(*connection, c->ssl->connection);
    // The handshake is over, and there is no second one (nginx refuses renegotiation).
    if (const char* name = SSL_get_servername(c->ssl->connection, TLSEXT_NAMETYPE_host_name)) connection->server_name = name;
  }
  worker().connection_made(*connection);
  return connection;
}

void silence_connection(Connection& connection) {
  if (connection.silenced) return;
  connection.silenced = true;
  auto* c = connection.socket;
  arm_reset(c);
  // Disconnecting sends the reset at once. Should it fail, closing does.
  sockaddr nobody{};
  nobody.sa_family = AF_UNSPEC;
  connection.reached = ::connect(c->fd, &nobody, sizeof nobody) != 0;
}

void stop_watching(Connection& connection) {
  auto* c = connection.socket;
  if (!connection.watched || (!c->read->active && !c->write->active)) return;
  connection.watched = false;
  ngx_del_conn(c, 0);
}

void silence_streams(Connection& connection) {
  auto* c = connection.socket;
  if (too_much_unsent(c)) {
    silence_connection(connection);
    return;
  }
  connection.requests.for_each([&](LiveRequest& live) {
    if (live.lost) drop_queued_frames(live.request->stream);
  });
  if (!reset_streams(connection)) {
    // TLS holds on to a part of it, and nothing else may follow.
    silence_connection(connection);
    return;
  }
  connection.requests.for_each([&](LiveRequest& live) {
    if (live.lost && live.kind == ecshm::SessionKind::kGrpc) tell_call(live, live.lost->reason);
  });
}

void cut_request(LiveRequest& live) {
  auto* r = live.request;
  auto* connection = live.connection;
  if (r->stream == nullptr || connection->silenced) {
    cut_connection(*connection);
    return;
  }
  auto* c = socket_of(r);
  if (too_much_unsent(c)) {
    cut_connection(*connection);
    return;
  }
  if (!live.told) drop_queued_frames(r->stream);
  if (live.kind == ecshm::SessionKind::kGrpc) tell_call(live, live.cut_reason);
  terminate(r);
  // RST_STREAM is in the queue now; whatever else the connection does, it has to leave.
  if (c->fd != static_cast<ngx_socket_t>(-1)) {
    ngx_post_event(c->write, &ngx_posted_events);
  }
}

void cut_connection(Connection& connection) {
  auto* c = connection.socket;
  arm_reset(c);
  auto* live = connection.requests.front();
  if (live != nullptr && live->request->stream == nullptr) {
    terminate(live->request);
    return;
  }
  // HTTP/2, or HTTP/1.1 between two requests: nginx's handler of the moment closes a connection
  // whose time is over.
  c->read->timedout = 1;
  c->timedout = 1;
  c->read->handler(c->read);
}

}  // namespace postern::nginx
