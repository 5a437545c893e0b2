#include "net/server.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <set>

#include <fmt/format.h>

#include "base/file.h"
#include "base/text.h"
#include "net/detail/http_parser.h"
#include "net/detail/websocket_core.h"

namespace postern::net {
namespace {

using namespace detail;
using asio::ip::tcp;

/// What the connections of one server share, and what outlives it until the last of them has ended.
struct Shared {
  asio::io_context* io = nullptr;
  HttpHandler on_request;
  UpgradeHandler on_upgrade;
  RefusalHandler on_refusal;
  ServerLimits limits;
  std::shared_ptr<ServerTls> tls;  // null: plain
  std::set<TransportPtr> open;
  std::size_t connections = 0;
  bool closed = false;
};
using SharedPtr = std::shared_ptr<Shared>;

/// Waits for a handler's answer; a handler that drops its responder answers 500.
struct Answer {
  explicit Answer(asio::io_context& io) : ready(io) { ready.expires_at(asio::steady_timer::time_point::max()); }
  asio::steady_timer ready;
  std::optional<HttpResponse> response;
  void give(HttpResponse r) {
    if (response) return;
    response = std::move(r);
    ready.cancel();
  }
};
struct Responder {
  explicit Responder(std::shared_ptr<Answer> a) : answer(std::move(a)) {}
  ~Responder() { answer->give({500, {}, "internal error\n"}); }
  std::shared_ptr<Answer> answer;
};

/// `too_large` is the status of what is too large.
HttpResponse refusal(const Shared& shared, const Error& error, int too_large = 413) {
  const int status = error.code == ErrorCode::kResourceExhausted ? too_large : 400;
  if (shared.on_refusal) return shared.on_refusal(status, error);
  HttpResponse response{status, {}, error.message + "\n"};
  response.headers.add("Content-Type", "text/plain; charset=utf-8");
  return response;
}

/// Closes the transport when a wait takes too long.
class Deadline {
 public:
  Deadline(asio::io_context& io, TransportPtr transport) : timer_(io), transport_(std::move(transport)) {}
  void in(std::chrono::seconds limit) {
    timer_.expires_after(limit);
    timer_.async_wait([transport = transport_](error_code ec) {
      if (!ec) transport->close();
    });
  }
  void off() { timer_.cancel(); }

 private:
  asio::steady_timer timer_;
  TransportPtr transport_;
};

Task<void> write_response(TransportPtr transport, HttpResponse response, bool keep_alive, bool head, error_code& ec) {
  const auto text = serialize(response, keep_alive, head);
  co_await transport->write_all(text.data(), text.size(), ec);
}

/// The rest of what is too large is read and thrown away, until it ends or pauses: closing on it would reset the
/// connection, and a client that sends its whole body before it reads would never see the answer.
Task<void> drain(SharedPtr shared, TransportPtr transport) {
  constexpr std::size_t kMost = 64u << 20;
  Deadline pause(*shared->io, transport);
  std::vector<char> buffer(64 << 10);
  for (std::size_t read = 0; read < kMost && !shared->closed;) {
    error_code ec;
    pause.in(std::chrono::seconds(1));
    const auto n = co_await transport->read_some(buffer.data(), buffer.size(), ec);
    pause.off();
    if (ec || n == 0) co_return;
    read += n;
  }
}

/// Is this a WebSocket handshake as RFC 6455 §4.2.1 wants it?
const std::string* websocket_key(const HttpRequest& request) {
  const auto* upgrade = request.headers.find("Upgrade");
  const auto* version = request.headers.find("Sec-WebSocket-Version");
  const auto* key = request.headers.find("Sec-WebSocket-Key");
  if (request.method != "GET" || upgrade == nullptr || to_lower(*upgrade) != "websocket") return nullptr;
  if (version == nullptr || *version != "13" || key == nullptr || key->size() != 24) return nullptr;
  return key;
}

/// Requests of one connection, one after another. True: the transport now belongs to a WebSocket.
Task<bool> serve_http(SharedPtr shared, TransportPtr transport) {
  auto& io = *shared->io;
  Deadline deadline(io, transport);
  std::string data;
  std::vector<char> buffer(16 << 10);
  for (bool first = true;; first = false) {
    RequestParser parser(shared->limits.max_header, shared->limits.max_body, shared->limits.repeatable);
    bool continued = false;
    if (data.empty()) deadline.in(first ? shared->limits.request_timeout : shared->limits.keepalive_timeout);
    bool begun = false;
    while (!parser.done()) {
      Status fed;
      if (!data.empty()) {
        if (!begun) deadline.in(shared->limits.request_timeout);
        begun = true;
        fed = parser.feed(data);
      }
      error_code ec;
      if (!fed) {
        co_await write_response(transport, refusal(*shared, fed.error()), false, false, ec);
        if (!ec && fed.error().code == ErrorCode::kResourceExhausted) co_await drain(shared, transport);
        co_return false;
      }
      if (parser.done()) break;
      if (parser.header_done() && parser.expects_continue() && !std::exchange(continued, true)) {
        static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
        co_await transport->write_all(kContinue.data(), kContinue.size(), ec);
        if (ec) co_return false;
      }
      const auto n = co_await transport->read_some(buffer.data(), buffer.size(), ec);
      if (ec || n == 0 || shared->closed) co_return false;
      data.append(buffer.data(), n);
    }
    deadline.off();
    bool keep_alive = parser.keep_alive();
    const bool upgrade = parser.upgrade();
    auto request = parser.take();
    error_code ec;
    if (!request) {
      co_await write_response(transport, refusal(*shared, request.error(), 414), false, false, ec);
      co_return false;
    }
    request->peer = transport->peer();
    if (upgrade) {
      const auto* key = websocket_key(*request);
      UpgradeDecision decision;
      decision.refusal = refusal(*shared, {ErrorCode::kInvalidArgument, "only WebSocket upgrades are served here"});
      if (key != nullptr && shared->on_upgrade) decision = shared->on_upgrade(*request);
      if (key == nullptr || !decision.accept) {
        co_await write_response(transport, std::move(decision.refusal), false, false, ec);
        co_return false;
      }
      const auto text = fmt::format(
          "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
          "{}\r\n\r\n",
          websocket_accept(*key));
      co_await transport->write_all(text.data(), text.size(), ec);
      if (ec || shared->closed) co_return false;
      decision.accept(start_websocket(io, transport, true, std::move(data), decision.limits, [shared, transport] {
        shared->open.erase(transport);
        --shared->connections;
      }));
      co_return true;
    }
    // Whatever answers GET answers HEAD, too: the same, without the body.
    const bool head = request->method == "HEAD";
    if (head) request->method = "GET";
    auto answer = std::make_shared<Answer>(io);
    {
      auto responder = std::make_shared<Responder>(answer);
      shared->on_request(std::move(*request), [responder](HttpResponse r) { responder->answer->give(std::move(r)); });
    }
    while (!answer->response) {
      error_code ignored;
      co_await answer->ready.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }
    if (shared->closed) co_return false;
    deadline.in(shared->limits.request_timeout);
    co_await write_response(transport, std::move(*answer->response), keep_alive, head, ec);
    deadline.off();
    if (ec || !keep_alive) co_return false;
  }
}

Task<void> serve(SharedPtr shared, tcp::socket socket) {
  error_code ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  TransportPtr transport;
  if (shared->tls) {
    std::string error;
    transport = co_await accept_tls(std::move(socket), shared->tls, shared->limits.handshake_timeout, error);
  } else {
    transport = plain_transport(std::move(socket));
  }
  if (!transport || shared->closed) {
    --shared->connections;
    co_return;
  }
  shared->open.insert(transport);
  const bool handed_over = co_await serve_http(shared, transport);
  if (handed_over) co_return;
  transport->close();
  shared->open.erase(transport);
  --shared->connections;
}

class ServerImpl final : public Server {
 public:
  ServerImpl(Loop& loop, SharedPtr shared)
      : shared_(std::move(shared)), acceptor_(std::make_shared<tcp::acceptor>(loop.state().io)) {}
  ~ServerImpl() override {
    shared_->closed = true;
    error_code ignored;
    acceptor_->close(ignored);
    for (const auto& transport : shared_->open) transport->close();
  }
  std::uint16_t port() const override { return acceptor_->local_endpoint().port(); }
  Status set_tls(const TlsServerConfig& config) override {
    auto tls = make_server_tls(config);
    if (!tls) return fail(tls.error());
    shared_->tls = std::move(*tls);
    return {};
  }
  Status open(const IpAddress& address, std::uint16_t port) {
    error_code ec;
    const auto ip = asio::ip::make_address(address.str(), ec);
    if (ec) return fail(ErrorCode::kInvalidArgument, "not an address to listen on");
    const tcp::endpoint where(ip, port);
    acceptor_->open(where.protocol(), ec);
    if (!ec) acceptor_->set_option(tcp::acceptor::reuse_address(true), ec);
    if (!ec) acceptor_->bind(where, ec);
    if (!ec) acceptor_->listen(1024, ec);
    if (ec) {
      const auto code = ec == asio::error::address_in_use    ? ErrorCode::kAlreadyExists
                        : ec == asio::error::access_denied ? ErrorCode::kPermissionDenied
                                                           : ErrorCode::kUnavailable;
      return fail(code, fmt::format("listening on {}:{}: {}", address.str(), port, ec.message()));
    }
    asio::co_spawn(*shared_->io, accept_loop(shared_, acceptor_), asio::detached);
    return {};
  }

 private:
  static Task<void> accept_loop(SharedPtr shared, std::shared_ptr<tcp::acceptor> acceptor) {
    asio::steady_timer pause(*shared->io);
    while (!shared->closed) {
      error_code ec;
      auto socket = co_await acceptor->async_accept(asio::redirect_error(asio::use_awaitable, ec));
      if (shared->closed) co_return;
      if (ec) {
        // Out of file descriptors, mostly: a moment later some will have been returned.
        pause.expires_after(std::chrono::milliseconds(50));
        error_code ignored;
        co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
        continue;
      }
      if (shared->connections >= shared->limits.max_connections) continue;  // closes it
      ++shared->connections;
      asio::co_spawn(*shared->io, serve(shared, std::move(socket)), asio::detached);
    }
  }
  SharedPtr shared_;
  std::shared_ptr<tcp::acceptor> acceptor_;
};

Result<std::unique_ptr<Server>> listen_with(Loop& loop, const IpAddress& address, std::uint16_t port,
                                            std::shared_ptr<ServerTls> tls, HttpHandler on_request,
                                            UpgradeHandler on_upgrade, ServerLimits limits,
                                            RefusalHandler on_refusal) {
  auto shared = std::make_shared<Shared>();
  shared->io = &loop.state().io;
  shared->on_request = std::move(on_request);
  shared->on_upgrade = std::move(on_upgrade);
  shared->on_refusal = std::move(on_refusal);
  shared->limits = limits;
  shared->tls = std::move(tls);
  auto server = std::make_unique<ServerImpl>(loop, std::move(shared));
  if (auto opened = server->open(address, port); !opened) return fail(opened.error());
  return std::unique_ptr<Server>(std::move(server));
}

}  // namespace

Result<std::unique_ptr<Server>> Server::listen(Loop& loop, IpAddress address, std::uint16_t port,
                                               const TlsServerConfig& config, HttpHandler on_request,
                                               UpgradeHandler on_upgrade, ServerLimits limits,
                                               RefusalHandler on_refusal) {
  auto tls = make_server_tls(config);
  if (!tls) return fail(tls.error());
  return listen_with(loop, address, port, std::move(*tls), std::move(on_request), std::move(on_upgrade), limits,
                     std::move(on_refusal));
}

Result<std::unique_ptr<Server>> Server::listen_plain(Loop& loop, IpAddress address, std::uint16_t port,
                                                     HttpHandler on_request, UpgradeHandler on_upgrade,
                                                     ServerLimits limits, RefusalHandler on_refusal) {
  return listen_with(loop, address, port, nullptr, std::move(on_request), std::move(on_upgrade), limits,
                     std::move(on_refusal));
}

}  // namespace postern::net
