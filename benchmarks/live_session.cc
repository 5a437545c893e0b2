#include "live_session.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <sys/socket.h>
#include <unistd.h>

#include <charconv>

#include "http2_frames.h"
#include "posture_change.h"

namespace postern::bench {
namespace {

constexpr Nanos kMs = 1'000'000;
constexpr std::size_t kMaxHead = 16 * 1024;

std::string authority(const Target& target) { return target.address + ":" + std::to_string(target.port); }

std::string upgrade(const std::string& path, const Target& target, const char* subprotocol) {
  return "GET " + path + " HTTP/1.1\r\nHost: " + authority(target) +
         "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
         (subprotocol ? "Sec-WebSocket-Protocol: " + std::string(subprotocol) + "\r\n" : "") + "\r\n";
}

std::string get(const std::string& path, const Target& target) {
  return "GET " + path + " HTTP/1.1\r\nHost: " + authority(target) + "\r\n\r\n";
}

/// A binary message of a client, of less than 126 bytes; a mask of zeroes leaves it as it is.
std::string masked(std::string_view data) {
  return std::string("\x82", 1) + static_cast<char>(0x80 | data.size()) + std::string(4, '\0') + std::string(data);
}

bool has_streams(Kind kind) { return kind == Kind::kHttp2 || kind == Kind::kGrpc; }

}  // namespace

const char* name_of(Kind kind) {
  switch (kind) {
    case Kind::kHttp1: return "http1";
    case Kind::kKept: return "kept";
    case Kind::kHttp2: return "http2";
    case Kind::kGrpc: return "grpc";
    case Kind::kWebSocket: return "websocket";
    case Kind::kTunnel: return "tunnel";
    case Kind::kRouted: return "routed";
  }
  return "";
}

Carrier::Carrier(Kind kind, Nanos every, int streams, SSL_CTX* context, const Ways& ways) : kind_(kind), ways_(ways) {
  sessions_.resize(has_streams(kind) ? static_cast<std::size_t>(streams) : 1);
  for (auto& one : sessions_) {
    one.kind = kind;
    one.every = every;
  }
  connect(kind == Kind::kRouted ? ways.app : ways.proxy);
  if (kind != Kind::kRouted) {
    ssl_ = SSL_new(context);
    SSL_set_fd(ssl_, fd_);
    const std::string_view alpn = has_streams(kind) ? std::string_view("\x02h2") : std::string_view("\x08http/1.1");
    SSL_set_alpn_protos(ssl_, reinterpret_cast<const unsigned char*>(alpn.data()), static_cast<unsigned>(alpn.size()));
    if (SSL_connect(ssl_) != 1) wrong(std::string("the handshake of a connection failed: ") + name_of(kind));
  }
  ::fcntl(fd_, F_SETFL, ::fcntl(fd_, F_GETFL) | O_NONBLOCK);
}

Carrier::~Carrier() {
  SSL_free(ssl_);
  const linger now{1, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  ::close(fd_);
}

void Carrier::connect(const Target& target) {
  fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const timeval patience{10, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(target.port);
  ::inet_pton(AF_INET, target.address.c_str(), &address.sin_addr);
  if (::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    const std::string why = std::strerror(errno);
    ::close(fd_);
    wrong("connecting to " + authority(target) + ": " + why);
  }
}

void Carrier::send(std::string_view data) {
  if (over_) return;
  const auto n = ssl_ != nullptr ? SSL_write(ssl_, data.data(), static_cast<int>(data.size()))
                                 : static_cast<int>(::send(fd_, data.data(), data.size(), MSG_NOSIGNAL));
  // A connection that has ended is noticed by the read, with everything that came before.
  ERR_clear_error();
  if (n > 0 && n != static_cast<int>(data.size())) wrong("a request did not fit into its socket");
}

void Carrier::begin() {
  const auto every = std::to_string(sessions_.front().every / kMs);
  switch (kind_) {
    case Kind::kHttp1: return send(get("/every/" + every, ways_.proxy));
    case Kind::kRouted: return send(get("/every/" + every, ways_.app));
    case Kind::kKept: return tick(now());
    case Kind::kWebSocket: return send(upgrade("/socket/" + every, ways_.proxy, nullptr));
    case Kind::kTunnel:
      return send(upgrade("/tcp?address=" + ways_.app.address + "&port=" + std::to_string(ways_.app.port), ways_.proxy,
                          "postern-tcp"));
    case Kind::kHttp2:
    case Kind::kGrpc: break;
  }
  auto out = http2::client_start();
  for (std::uint32_t i = 0; i < sessions_.size(); ++i) {
    using http2::literal;
    const bool call = kind_ == Kind::kGrpc;
    const auto head = literal(":method", call ? "POST" : "GET") + literal(":scheme", "https") +
                      literal(":authority", authority(ways_.proxy)) +
                      literal(":path", call ? "/bench.Live/Follow" : "/every/" + every) +
                      (call ? literal("content-type", "application/grpc") + literal("te", "trailers") : "");
    const auto number = 2 * i + 1;
    out += http2::frame(http2::kHeaders, http2::kEndHeaders | (call ? 0 : http2::kEndStream), number, head);
    // An empty message is the whole request of a call.
    if (call) out += http2::frame(http2::kData, http2::kEndStream, number, std::string(5, '\0'));
  }
  send(out);
}

void Carrier::tick(Nanos at) {
  if (kind_ != Kind::kKept || asked_ || over_ || at < next_request_) return;
  asked_ = true;
  next_request_ = std::max(next_request_, at - sessions_.front().every) + sessions_.front().every;
  send(get("/", ways_.proxy));
}

void Carrier::read() {
  char buffer[16 * 1024];
  while (!over_) {
    const auto n = ssl_ != nullptr ? SSL_read(ssl_, buffer, sizeof buffer)
                                   : static_cast<int>(::recv(fd_, buffer, sizeof buffer, 0));
    const int error = errno;
    if (n > 0) {
      take({buffer, static_cast<std::size_t>(n)}, now());
      continue;
    }
    const int what = ssl_ != nullptr ? SSL_get_error(ssl_, n) : SSL_ERROR_SYSCALL;
    ERR_clear_error();
    if (what == SSL_ERROR_WANT_READ || (ssl_ == nullptr && n < 0 && error == EAGAIN)) return;
    const bool reset = what == SSL_ERROR_SYSCALL && n < 0 && (error == ECONNRESET || error == EPIPE);
    over(reset ? "reset" : "closed", now());
  }
}

void Carrier::over(const char* how, Nanos at) {
  over_ = true;
  for (auto& one : sessions_) {
    if (one.ended_at != 0) continue;
    one.ended_at = at;
    one.how = how;
  }
}

void Carrier::take(std::string_view data, Nanos at) {
  if (has_streams(kind_)) {
    in_ += data;
    return take_frames(at);
  }
  if (kind_ == Kind::kKept) {
    in_ += data;
    return take_answer(at);
  }
  if (!started_) {
    in_ += data;
    const bool upgraded = kind_ == Kind::kWebSocket || kind_ == Kind::kTunnel;
    if (!take_head(upgraded ? 101 : 200)) return;
    started_ = true;
    if (kind_ == Kind::kTunnel) {
      send(masked(get("/every/" + std::to_string(sessions_.front().every / kMs), ways_.app)));
    }
    if (in_.empty()) return;
  }
  sessions_.front().live = true;
  sessions_.front().last_byte = at;
}

/// Takes the head of an answer off `in_` once it is there whole.
bool Carrier::take_head(int expected) {
  const auto end = in_.find("\r\n\r\n");
  if (end == std::string::npos) {
    if (in_.size() > kMaxHead) wrong("the head of an answer is too long");
    return false;
  }
  const auto status = in_.substr(0, 12);
  if (status != "HTTP/1.1 " + std::to_string(expected)) wrong(std::string(name_of(kind_)) + " got " + in_.substr(0, end));
  in_.erase(0, end + 4);
  return true;
}

void Carrier::take_answer(Nanos at) {
  auto& one = sessions_.front();
  const auto end = in_.find("\r\n\r\n");
  if (end == std::string::npos) return;
  if (in_.starts_with("HTTP/1.1 403")) {
    if (one.ended_at == 0) {
      one.ended_at = at;
      one.how = "refused";
    }
    over_ = true;
    return;
  }
  constexpr std::size_t kBody = 100;  // As live_app answers.
  if (!in_.starts_with("HTTP/1.1 200")) wrong("a kept connection got " + in_.substr(0, end));
  if (in_.size() < end + 4 + kBody) return;
  in_.clear();
  asked_ = false;
  one.live = true;
  one.last_byte = at;
}

void Carrier::take_frames(Nanos at) {
  http2::Frame frame;
  std::size_t size = 0, used = 0;
  http2::Taken taken;
  while ((taken = http2::take(std::string_view(in_).substr(used), frame, size)) == http2::Taken::kFrame) {
    used += size;
    if (frame.type == http2::kSettings && !(frame.flags & http2::kAck)) send(http2::frame(http2::kSettings, http2::kAck, 0));
    if (frame.type == http2::kPing && !(frame.flags & http2::kAck)) {
      send(http2::frame(http2::kPing, http2::kAck, 0, frame.payload));
    }
    if (frame.stream == 0 || frame.stream > 2 * sessions_.size()) continue;
    auto& one = sessions_[(frame.stream - 1) / 2];
    const auto end = [&](const char* how) {
      if (one.ended_at != 0) return;
      one.ended_at = at;
      one.how = how;
    };
    const bool last = (frame.flags & http2::kEndStream) != 0;
    if (frame.type == http2::kRstStream) end("stream reset");
    if (frame.type == http2::kData && one.ended_at == 0) {
      if (last) wrong("a stream of HTTP/2 ended as if it were complete");
      one.live = true;
      one.last_byte = at;
    }
    // A call is refused by its first headers and ended by a second.
    if (frame.type == http2::kHeaders && last) end(one.live ? "call ended" : "refused");
  }
  if (taken == http2::Taken::kWrong) wrong("a frame of HTTP/2 is too long");
  in_.erase(0, used);
}

}  // namespace postern::bench
