#include "net/client.h"

#include <openssl/rand.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <fmt/format.h>

#include "net/detail/http_parser.h"
#include "net/detail/websocket_core.h"

namespace postern::net {
namespace {

using namespace detail;

/// Path and query as they travel.
std::string target_of(const HttpRequest& request) {
  const auto encode = [](std::string_view text, bool keep_slash) {
    std::string out;
    for (const unsigned char c : text) {
      if (std::isalnum(c) || c == '-' || c == '.' || c == '_' || c == '~' || (keep_slash && c == '/')) {
        out += static_cast<char>(c);
      } else {
        out += fmt::format("%{:02X}", c);
      }
    }
    return out;
  };
  std::string out = encode(request.path, true);
  char separator = '?';
  for (const auto& [name, value] : request.query) {
    out += separator + encode(name, false) + "=" + encode(value, false);
    separator = '&';
  }
  return out;
}

std::string host_header(const Target& target) {
  return target.host.find(':') == std::string::npos ? fmt::format("{}:{}", target.host, target.port)
                                                    : fmt::format("[{}]:{}", target.host, target.port);
}

/// Ends the connection if the exchange takes longer than its limit.
class TimeLimit {
 public:
  TimeLimit(asio::io_context& io, TransportPtr transport, std::chrono::milliseconds limit) : timer_(io) {
    timer_.expires_after(limit);
    timer_.async_wait([transport = std::move(transport), hit = hit_](error_code ec) {
      if (ec) return;
      *hit = true;
      transport->close();
    });
  }
  bool hit() const { return *hit_; }

 private:
  asio::steady_timer timer_;
  std::shared_ptr<bool> hit_ = std::make_shared<bool>(false);
};

Error exchange_error(const Target& target, bool late, const std::string& what) {
  const auto where = fmt::format("{}:{}", target.host, target.port);
  if (late) return {ErrorCode::kDeadlineExceeded, fmt::format("{} did not answer within {} ms", where, target.timeout.count())};
  return {ErrorCode::kUnavailable, fmt::format("{}: {}", where, what)};
}

Task<Result<HttpResponse>> exchange(asio::io_context& io, Target target, HttpRequest request, std::size_t max_body,
                                    std::shared_ptr<Cancelled> cancelled) {
  auto connected = co_await connect_tls(io, target.host, target.port, target.tls, target.timeout, target.source_ip, cancelled);
  if (!connected) co_return fail(connected.error());
  const TransportPtr transport = *connected;
  cancelled->abort = [transport] { transport->close(); };
  TimeLimit limit(io, transport, target.timeout);
  std::string text = fmt::format("{} {} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", request.method, target_of(request),
                                 host_header(target));
  for (const auto& [name, value] : request.headers.all()) text += fmt::format("{}: {}\r\n", name, value);
  if (!request.body.empty() || request.method != "GET") text += fmt::format("Content-Length: {}\r\n", request.body.size());
  text += "\r\n" + request.body;
  error_code ec;
  co_await transport->write_all(text.data(), text.size(), ec);
  if (ec) co_return fail(exchange_error(target, limit.hit(), ec.message()));
  ResponseParser parser(max_body);
  std::string data;
  std::vector<char> buffer(16 << 10);
  while (!parser.done()) {
    const auto n = co_await transport->read_some(buffer.data(), buffer.size(), ec);
    if (ec || n == 0) {
      if (limit.hit()) co_return fail(exchange_error(target, true, ""));
      if (auto finished = parser.finish(); !finished) co_return fail(finished.error());
      break;
    }
    data.append(buffer.data(), n);
    if (auto fed = parser.feed(data); !fed) co_return fail(fed.error());
  }
  transport->close();
  co_return parser.take();
}

Task<Result<WebSocketPtr>> upgrade(asio::io_context& io, Target target, std::string path, WebSocketLimits limits,
                                   std::shared_ptr<Cancelled> cancelled) {
  auto connected = co_await connect_tls(io, target.host, target.port, target.tls, target.timeout, target.source_ip, cancelled);
  if (!connected) co_return fail(connected.error());
  const TransportPtr transport = *connected;
  cancelled->abort = [transport] { transport->close(); };
  auto limit = std::make_unique<TimeLimit>(io, transport, target.timeout);
  std::array<std::uint8_t, 16> nonce;
  RAND_bytes(nonce.data(), nonce.size());
  const auto key = to_base64(nonce);
  const auto text = fmt::format(
      "GET {} HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
      "Sec-WebSocket-Key: {}\r\n\r\n",
      path, host_header(target), key);
  error_code ec;
  co_await transport->write_all(text.data(), text.size(), ec);
  if (ec) co_return fail(exchange_error(target, limit->hit(), ec.message()));
  // The head is cut off by hand: what follows it already belongs to the WebSocket.
  std::string data;
  std::vector<char> buffer(16 << 10);
  std::size_t end;
  while ((end = data.find("\r\n\r\n")) == data.npos) {
    if (data.size() > (64u << 10)) co_return fail(ErrorCode::kDataLoss, "the answer's head is too large");
    const auto n = co_await transport->read_some(buffer.data(), buffer.size(), ec);
    if (ec || n == 0) co_return fail(exchange_error(target, limit->hit(), "hung up before it answered"));
    data.append(buffer.data(), n);
  }
  std::string head = data.substr(0, end + 4);
  std::string rest = data.substr(end + 4);
  ResponseParser parser(1 << 20);
  parser.head_only();
  if (auto fed = parser.feed(head); !fed) co_return fail(fed.error());
  const auto response = parser.take();
  const auto* accept = response.headers.find("Sec-WebSocket-Accept");
  if (response.status != 101) {
    transport->close();
    auto why = std::string(rest.substr(0, 200));
    while (!why.empty() && (why.back() == '\n' || why.back() == '\r')) why.pop_back();
    co_return fail(ErrorCode::kPermissionDenied,
                   fmt::format("{}:{} refused the connection with status {}: {}", target.host, target.port, response.status, why));
  }
  if (accept == nullptr || *accept != websocket_accept(key)) {
    transport->close();
    co_return fail(ErrorCode::kDataLoss, fmt::format("{}:{} does not speak WebSocket", target.host, target.port));
  }
  limit.reset();
  co_return start_websocket(io, transport, false, std::move(rest), limits);
}

Task<Result<PeerIdentity>> look(asio::io_context& io, Target target, std::shared_ptr<Cancelled> cancelled) {
  target.tls.accept_peer = [](const PeerIdentity&) { return true; };
  target.tls.identity.reset();
  auto connected = co_await connect_tls(io, target.host, target.port, target.tls, target.timeout, target.source_ip, cancelled);
  if (!connected) co_return fail(connected.error());
  auto peer = (*connected)->peer();
  (*connected)->close();
  co_return peer;
}

/// Runs an exchange and hands over its result, unless it was cancelled meanwhile.
template <class T>
Task<void> deliver(Task<Result<T>> work, std::shared_ptr<Cancelled> cancelled, std::function<void(Result<T>)> reply) {
  Result<T> result = co_await std::move(work);
  if (!cancelled->yes) reply(std::move(result));
}

template <class T>
Handle run(asio::io_context& io, Task<Result<T>> work, std::shared_ptr<Cancelled> cancelled,
           std::function<void(Result<T>)> reply) {
  asio::co_spawn(io, deliver<T>(std::move(work), cancelled, std::move(reply)), asio::detached);
  return make_handle([cancelled] {
    cancelled->yes = true;
    if (cancelled->abort) std::exchange(cancelled->abort, nullptr)();
  });
}

}  // namespace

Handle http_request(Loop& loop, Target target, HttpRequest request, HttpReply reply, std::size_t max_body) {
  auto cancelled = std::make_shared<Cancelled>();
  auto& io = loop.state().io;
  return run<HttpResponse>(io, exchange(io, std::move(target), std::move(request), max_body, cancelled), cancelled, std::move(reply));
}

Handle open_websocket(Loop& loop, Target target, std::string path, WebSocketReply reply, WebSocketLimits limits) {
  auto cancelled = std::make_shared<Cancelled>();
  auto& io = loop.state().io;
  // Once open, the socket belongs to whoever got it: cancelling the handle no longer closes it.
  auto once = [cancelled, reply = std::move(reply)](Result<WebSocketPtr> result) {
    cancelled->abort = nullptr;
    reply(std::move(result));
  };
  return run<WebSocketPtr>(io, upgrade(io, std::move(target), std::move(path), limits, cancelled), cancelled, std::move(once));
}

Handle probe_certificate(Loop& loop, Target target, ProbeReply reply) {
  auto cancelled = std::make_shared<Cancelled>();
  auto& io = loop.state().io;
  return run<PeerIdentity>(io, look(io, std::move(target), cancelled), cancelled, std::move(reply));
}

}  // namespace postern::net
