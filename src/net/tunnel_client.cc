#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <fmt/format.h>

#include "base/file.h"
#include "base/random.h"
#include "net/detail/http_parser.h"
#include "net/detail/tunnel_pump.h"
#include "net/detail/websocket_core.h"
#include "net/tunnel.h"
#include "net/detail/tcp_frames.h"

namespace postern::net {
namespace {

using namespace detail;
using asio::ip::tcp;

class Accepted final : public LocalConnection {
 public:
  explicit Accepted(tcp::socket s) : socket(std::move(s)) {}
  ~Accepted() override {
    error_code ignored;
    if (!socket.is_open()) return;
    socket.set_option(asio::socket_base::linger(true, 0), ignored);
    socket.close(ignored);
  }
  tcp::socket socket;
};

class LoopbackListener final : public LocalListener {
 public:
  LoopbackListener(asio::io_context& io, std::function<void(LocalConnectionPtr)> on_connection)
      : io_(io), acceptor_(std::make_shared<tcp::acceptor>(io)),
        on_connection_(std::make_shared<std::function<void(LocalConnectionPtr)>>(std::move(on_connection))) {}
  ~LoopbackListener() override {
    *on_connection_ = nullptr;
    error_code ignored;
    acceptor_->close(ignored);
  }
  Status begin(const IpAddress& address, std::uint16_t port) {
    error_code ec;
    const auto ip = asio::ip::make_address(address.str(), ec);
    if (ec || !ip.is_loopback()) {
      return fail(ErrorCode::kInvalidArgument, address.str() + " is not a loopback address: 127.0.0.1 or ::1, say");
    }
    const tcp::endpoint end(ip, port);
    acceptor_->open(end.protocol(), ec);
    if (!ec) acceptor_->set_option(tcp::acceptor::reuse_address(true), ec);
    if (!ec) acceptor_->bind(end, ec);
    if (!ec) acceptor_->listen(tcp::acceptor::max_listen_connections, ec);
    if (ec) return fail(errno_error(ec.value(), "listening on", fmt::format("{} port {}", address.str(), port)));
    port_ = acceptor_->local_endpoint(ec).port();
    asio::co_spawn(io_, accept(acceptor_, on_connection_), asio::detached);
    return {};
  }
  std::uint16_t port() const override { return port_; }

 private:
  static Task<void> accept(std::shared_ptr<tcp::acceptor> acceptor,
                           std::shared_ptr<std::function<void(LocalConnectionPtr)>> on_connection) {
    while (*on_connection) {
      error_code ec;
      auto socket = co_await acceptor->async_accept(quiet(ec));
      if (!*on_connection || ec == asio::error::operation_aborted) co_return;
      if (ec) {
        asio::steady_timer pause(acceptor->get_executor(), std::chrono::milliseconds(100));
        co_await pause.async_wait(quiet(ec));
        continue;
      }
      const auto callback = *on_connection;
      callback(std::make_unique<Accepted>(std::move(socket)));
    }
  }

  asio::io_context& io_;
  std::shared_ptr<tcp::acceptor> acceptor_;
  std::shared_ptr<std::function<void(LocalConnectionPtr)>> on_connection_;
  std::uint16_t port_ = 0;
};

struct Tunnel {
  bool cancelled = false;
  std::shared_ptr<Cancelled> connecting = std::make_shared<Cancelled>();
  TransportPtr transport;
  std::shared_ptr<TunnelPump> pump;
};

Task<void> carry(asio::io_context& io, Target target, std::string path, std::shared_ptr<Accepted> local, TunnelEvents events,
                 TunnelLimits limits, std::shared_ptr<Tunnel> tunnel) {
  const auto refuse = [&](TunnelRefusal refusal) {
    if (tunnel->transport) tunnel->transport->close();
    if (tunnel->cancelled) return;
    local.reset();
    if (events.on_refused) events.on_refused(refusal);
  };
  auto connected = co_await connect_tls(io, target.host, target.port, target.tls, target.timeout, target.source_ip, tunnel->connecting);
  if (!connected) {
    refuse({0, {}, connected.error()});
    co_return;
  }
  const auto transport = tunnel->transport = *connected;
  if (tunnel->cancelled) {
    transport->close();
    co_return;
  }
  // Above what the forwarder waits for its destination: its answer says more than silence.
  asio::steady_timer timer(io, target.timeout + limits.connect_timeout * 2);
  auto late = std::make_shared<bool>(false);
  timer.async_wait([transport, late](error_code ec) {
    if (ec) return;
    *late = true;
    transport->close();
  });
  std::uint8_t nonce[16];
  SystemRandom().fill(nonce);
  const auto key = to_base64(nonce);
  const auto host = target.tls.server_name.empty() ? target.host : target.tls.server_name;
  const auto head = fmt::format(
      "GET {} HTTP/1.1\r\nHost: {}:{}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
      "Sec-WebSocket-Key: {}\r\nSec-WebSocket-Protocol: {}\r\nAccept: application/json\r\n\r\n",
      path, host.find(':') == host.npos ? host : "[" + host + "]", target.port, key, tcp_frames::kSubprotocol);
  error_code ec;
  co_await transport->write_all(head.data(), head.size(), ec);
  const auto where = fmt::format("{}:{}", target.host, target.port);
  const auto broken = [&](const std::string& what) {
    refuse({0, {}, {*late ? ErrorCode::kDeadlineExceeded : ErrorCode::kUnavailable,
                    where + (*late ? " did not answer in time" : ": " + what)}});
  };
  std::string data;
  std::size_t end = data.npos;
  char buffer[4096];
  while (!ec && (end = data.find("\r\n\r\n")) == data.npos && data.size() < (32u << 10)) {
    const auto n = co_await transport->read_some(buffer, sizeof buffer, ec);
    if (n == 0 && !ec) ec = asio::error::eof;
    data.append(buffer, n);
  }
  if (end == data.npos) {
    broken(ec ? "hung up before it answered: " + ec.message() : std::string("the answer's head is too large"));
    co_return;
  }
  const bool open = data.starts_with("HTTP/1.1 101 ");
  ResponseParser parser(64u << 10);
  std::string rest;
  if (open) {
    parser.head_only();
    rest = data.substr(end + 4);
    data.resize(end + 4);
  }
  auto fed = parser.feed(data);
  while (fed && !parser.done()) {
    const auto n = co_await transport->read_some(buffer, sizeof buffer, ec);
    if (ec || n == 0) {
      fed = parser.finish();
      break;
    }
    data.append(buffer, n);
    fed = parser.feed(data);
  }
  if (!fed) {
    broken(fed.error().message);
    co_return;
  }
  timer.cancel();
  auto response = parser.take();
  const auto* accept = response.headers.find("Sec-WebSocket-Accept");
  const auto* protocol = response.headers.find("Sec-WebSocket-Protocol");
  if (!open) {
    const int status = response.status;
    refuse({status, std::move(response), {ErrorCode::kPermissionDenied, fmt::format("{} refused it with status {}", where, status)}});
    co_return;
  }
  if (accept == nullptr || *accept != websocket_accept(key) || protocol == nullptr || *protocol != tcp_frames::kSubprotocol) {
    refuse({0, {}, {ErrorCode::kDataLoss, where + " does not forward TCP (is the path right?)"}});
    co_return;
  }
  if (tunnel->cancelled) {
    transport->close();
    co_return;
  }
  if (events.on_open) events.on_open();
  tunnel->transport.reset();
  tunnel->pump = start_tunnel(io, transport, std::move(local->socket), false, std::move(rest), limits.ping_interval,
                              [on_end = std::move(events.on_end), tunnel](const TunnelEnd& ended) {
                                const auto keep = tunnel;
                                tunnel->pump.reset();
                                if (on_end && !tunnel->cancelled) on_end(ended);
                              });
}

}  // namespace

Result<std::unique_ptr<LocalListener>> LocalListener::listen(Loop& loop, IpAddress address, std::uint16_t port,
                                                             std::function<void(LocalConnectionPtr)> on_connection) {
  auto listener = std::make_unique<LoopbackListener>(loop.state().io, std::move(on_connection));
  if (auto begun = listener->begin(address, port); !begun) return fail(begun.error());
  return std::unique_ptr<LocalListener>(std::move(listener));
}

Handle open_tunnel(Loop& loop, Target target, std::string path, LocalConnectionPtr connection, TunnelEvents events,
                   TunnelLimits limits) {
  auto& io = loop.state().io;
  auto tunnel = std::make_shared<Tunnel>();
  std::shared_ptr<Accepted> local(static_cast<Accepted*>(connection.release()));
  asio::co_spawn(io, carry(io, std::move(target), std::move(path), std::move(local), std::move(events), limits, tunnel),
                 asio::detached);
  return make_handle([tunnel] {
    tunnel->cancelled = true;
    tunnel->connecting->yes = true;
    if (tunnel->connecting->abort) std::exchange(tunnel->connecting->abort, nullptr)();
    if (tunnel->transport) tunnel->transport->close();
    if (tunnel->pump) tunnel->pump->abort();
  });
}

}  // namespace postern::net
