#include <sys/stat.h>
#include <sys/un.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <map>
#include <set>

#include <fmt/format.h>

#include "base/file.h"
#include "base/text.h"
#include "net/detail/dial_share.h"
#include "net/detail/http_parser.h"
#include "net/detail/tunnel_pump.h"
#include "net/detail/websocket_core.h"
#include "net/own_addresses.h"
#include "net/tunnel.h"
#include "net/unix_socket.h"
#include "net/detail/tcp_frames.h"

namespace postern::net {
namespace {

using namespace detail;
using asio::ip::tcp;

class UnixTransport final : public Transport {
 public:
  explicit UnixTransport(asio::local::stream_protocol::socket socket) : socket_(std::move(socket)) {}
  Task<std::size_t> read_some(char* data, std::size_t size, error_code& ec) override {
    const auto n = co_await socket_.async_read_some(asio::buffer(data, size), quiet(ec));
    co_return n;
  }
  Task<void> write_all(const char* data, std::size_t size, error_code& ec) override {
    co_await asio::async_write(socket_, asio::buffer(data, size), quiet(ec));
  }
  void close() override {
    error_code ignored;
    socket_.close(ignored);
  }

 private:
  asio::local::stream_protocol::socket socket_;
};

/// What the tunnels share, and what outlives the server until the last has ended.
struct Tunnels {
  asio::io_context* io = nullptr;
  TunnelDecision decide;
  std::function<void(const TunnelAnswer::Destination&, const TunnelEnd&)> on_end;
  TunnelLimits limits;
  std::unique_ptr<NameLookup> names;  // nullptr: closed
  std::set<TransportPtr> beginning;
  std::map<std::uint64_t, std::shared_ptr<TunnelPump>> open;
  std::uint64_t next = 0;
  bool closed = false;
  std::map<std::string, std::size_t> owners;  // who has how many places; nobody has none
  TunnelServer::Counts counts;
};
using TunnelsPtr = std::shared_ptr<Tunnels>;

/// Of a tunnel, from before it is dialled until it has ended.
class Place {
 public:
  Place(TunnelsPtr shared, std::string owner) : shared_(std::move(shared)), owner_(std::move(owner)) {
    ++shared_->counts.places;
    ++shared_->owners[owner_];
  }
  ~Place() { release(); }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  void release() {
    if (!shared_) return;
    --shared_->counts.places;
    const auto it = shared_->owners.find(owner_);
    if (--it->second == 0) shared_->owners.erase(it);
    shared_.reset();
  }

 private:
  TunnelsPtr shared_;
  const std::string owner_;
};

HttpResponse plain(int status, std::string text) {
  HttpResponse out{status, {}, text + "\n"};
  out.headers.add("Content-Type", "text/plain; charset=utf-8");
  return out;
}

bool offers_subprotocol(const HttpRequest& request) {
  const auto* offered = request.headers.find("Sec-WebSocket-Protocol");
  if (offered == nullptr) return false;
  for (const auto& one : split(*offered, ',')) {
    if (trim(one) == tcp_frames::kSubprotocol) return true;
  }
  return false;
}

std::shared_ptr<Place> take_place(const TunnelsPtr& shared, const std::string& owner, std::optional<HttpResponse>& refusal) {
  if (shared->counts.places >= shared->limits.max_tunnels) {
    ++shared->counts.refused_full;
    refusal = plain(503, "too many connections are forwarded at once");
    return nullptr;
  }
  const auto has = shared->owners.find(owner);
  if (has != shared->owners.end() && has->second >= shared->limits.max_per_owner) {
    ++shared->counts.refused_owner;
    refusal = plain(429, fmt::format("this endpoint has {} connections forwarded, as many as one may have", has->second));
    return nullptr;
  }
  return std::make_shared<Place>(shared, owner);
}

/// Runs out: what waits is ended by `stop`.
class Limit {
 public:
  Limit(asio::io_context& io, std::chrono::milliseconds limit, std::function<void()> stop) : timer_(io) {
    timer_.expires_after(limit);
    timer_.async_wait([hit = hit_, stop = std::move(stop)](error_code ec) {
      if (ec || *hit) return;
      *hit = true;
      stop();
    });
  }
  /// It can't run out any more.
  bool stop() {
    const bool was = *hit_;
    *hit_ = true;
    timer_.cancel();
    return was;
  }

 private:
  asio::steady_timer timer_;
  std::shared_ptr<bool> hit_ = std::make_shared<bool>(false);
};

/// Of a name: whoever owns it, or answers for it, chooses.
bool leads_back(const IpAddress& address) {
  return address.is_link_local() || address.is_multicast() || own_address(address);
}

Task<Result<std::vector<IpAddress>>> look_up(TunnelsPtr shared, std::string name) {
  struct Waiting {
    asio::steady_timer timer;
    std::optional<Result<std::vector<IpAddress>>> found;
  };
  Result<std::vector<IpAddress>> out = fail(ErrorCode::kUnavailable, "the forwarder ends");
  if (!shared->names) co_return out;
  const auto waiting = std::make_shared<Waiting>(Waiting{asio::steady_timer(*shared->io), std::nullopt});
  waiting->timer.expires_at(asio::steady_timer::time_point::max());
  const auto handle = shared->names->find(name, [waiting](const auto& found) {
    waiting->found = found;
    waiting->timer.cancel();
  });
  error_code ec;
  co_await waiting->timer.async_wait(quiet(ec));
  if (waiting->found) out = std::move(*waiting->found);
  co_return out;
}

Task<HttpResponse> dial(TunnelsPtr shared, TunnelAnswer::Destination to, std::shared_ptr<tcp::socket> socket) {
  const auto where = to.host.find(':') == to.host.npos ? fmt::format("{}:{}", to.host, to.port)
                                                       : fmt::format("[{}]:{}", to.host, to.port);
  std::vector<IpAddress> addresses;
  if (const auto ip = IpAddress::parse(to.host)) {
    addresses = {*ip};
  } else {
    auto found = co_await look_up(shared, to.host);
    if (!found) {
      switch (found.error().code) {
        case ErrorCode::kDeadlineExceeded: co_return plain(504, fmt::format("{}: its name was not found in time", where));
        case ErrorCode::kResourceExhausted: co_return plain(503, fmt::format("{}: {}", where, found.error().message));
        default: co_return plain(502, fmt::format("{}: its name is not known ({})", where, found.error().message));
      }
    }
    addresses = std::move(*found);
    if (std::erase_if(addresses, leads_back) > 0 && addresses.empty())
      co_return plain(502, fmt::format("{}: its name leads to the gateway itself or its link", where));
  }
  error_code ec;
  bool late = false;
  const auto until = std::chrono::steady_clock::now() + shared->limits.connect_timeout;
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    // One that is silent leaves time for those behind it.
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    if (left <= std::chrono::milliseconds(0)) break;
    const tcp::endpoint endpoint(asio::ip::make_address(addresses[i].str()), to.port);
    error_code ignored;
    socket->close(ignored);
    socket->open(endpoint.protocol(), ec);
    if (ec) continue;
    Limit one(*shared->io, dial_share(left, addresses.size() - i), [socket] {
      error_code closing;
      socket->close(closing);
    });
    co_await socket->async_connect(endpoint, quiet(ec));
    const bool silent = one.stop();
    if (!ec && !silent) co_return HttpResponse{101, {}, {}};
    late = late || silent;
  }
  if (late) {
    co_return plain(504, fmt::format("{} did not answer within {} s", where, shared->limits.connect_timeout.count()));
  }
  co_return plain(502, fmt::format("{}: {}", where, ec ? ec.message() : "it has no address"));
}

Task<void> serve_tunnel(TunnelsPtr shared, TransportPtr transport) {
  error_code ec;
  std::string data;
  RequestParser parser(16u << 10, 0);
  std::optional<HttpResponse> refusal;
  {
    Limit limit(*shared->io, shared->limits.head_timeout, [transport] { transport->close(); });
    char buffer[4096];
    while (!parser.done() && !refusal) {
      const auto n = co_await transport->read_some(buffer, sizeof buffer, ec);
      if (ec || n == 0) co_return;
      data.append(buffer, n);
      if (auto fed = parser.feed(data); !fed) refusal = plain(400, fed.error().message);
    }
    limit.stop();
  }
  TunnelAnswer answer;
  std::string key;
  if (!refusal) {
    const bool upgrade = parser.upgrade();
    auto request = parser.take();
    if (!request) {
      refusal = plain(400, request.error().message);
    } else if (const auto* k = request->headers.find("Sec-WebSocket-Key"); !upgrade || k == nullptr || !offers_subprotocol(*request)) {
      refusal = plain(426, "TCP is forwarded here: by a WebSocket with the subprotocol postern-tcp");
      refusal->headers.add("Upgrade", "websocket");
    } else {
      key = *k;
      answer = shared->decide(*request);
      if (!answer.to) refusal = std::move(answer.refusal);
    }
  }
  std::shared_ptr<Place> held;
  if (!refusal) held = take_place(shared, answer.owner, refusal);
  auto socket = std::make_shared<tcp::socket>(*shared->io);
  if (!refusal) {
    auto dialled = co_await dial(shared, *answer.to, socket);
    if (dialled.status != 101) refusal = std::move(dialled);
  }
  if (shared->closed) co_return;
  if (refusal) {
    const auto text = serialize(*refusal, false, false);
    co_await transport->write_all(text.data(), text.size(), ec);
    transport->close();
    co_return;
  }
  const auto text = fmt::format(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {}\r\n"
      "Sec-WebSocket-Protocol: {}\r\n\r\n",
      websocket_accept(key), tcp_frames::kSubprotocol);
  co_await transport->write_all(text.data(), text.size(), ec);
  if (ec || shared->closed) co_return;
  const auto number = shared->next++;
  auto& place = shared->open[number];
  place = start_tunnel(*shared->io, transport, std::move(*socket), true, std::move(data), shared->limits.ping_interval,
                       [shared, number, held, to = *answer.to](const TunnelEnd& end) {
                         held->release();
                         shared->open.erase(number);
                         if (shared->on_end && !shared->closed) shared->on_end(to, end);
                       });
}

Task<void> serve_beginning(TunnelsPtr shared, TransportPtr transport) {
  shared->beginning.insert(transport);
  co_await serve_tunnel(shared, transport);
  shared->beginning.erase(transport);
}

class UnixTunnels final : public TunnelServer {
 public:
  explicit UnixTunnels(TunnelsPtr shared, std::string path)
      : shared_(std::move(shared)), path_(std::move(path)),
        acceptor_(std::make_shared<asio::local::stream_protocol::acceptor>(*shared_->io)) {}
  ~UnixTunnels() override {
    shared_->closed = true;
    error_code ignored;
    acceptor_->close(ignored);
    for (const auto& transport : std::exchange(shared_->beginning, {})) transport->close();
    for (const auto& [number, pump] : std::exchange(shared_->open, {})) pump->abort();
    shared_->names.reset();
    ::unlink(path_.c_str());
  }
  std::size_t open() const override { return shared_->open.size(); }
  Counts counts() const override { return shared_->counts; }
  Status begin(mode_t mode, const std::function<Status()>& bound) {
    error_code ec;
    acceptor_->open({}, ec);
    const auto old = ::umask(static_cast<mode_t>(~mode & 0777));
    if (!ec) acceptor_->bind(asio::local::stream_protocol::endpoint(path_), ec);
    ::umask(old);
    // Who listens is who the kernel names to those that connect: whoever this process has become by then.
    if (auto done = ec || !bound ? Status() : bound(); !done) return done;
    if (!ec) acceptor_->listen(asio::socket_base::max_listen_connections, ec);
    if (ec) return fail(errno_error(ec.value(), "listening on", path_));
    asio::co_spawn(*shared_->io, accept(shared_, acceptor_), asio::detached);
    return {};
  }

 private:
  static Task<void> accept(TunnelsPtr shared, std::shared_ptr<asio::local::stream_protocol::acceptor> acceptor) {
    while (!shared->closed) {
      error_code ec;
      auto socket = co_await acceptor->async_accept(quiet(ec));
      if (shared->closed || ec == asio::error::operation_aborted) co_return;
      if (ec) {
        // No file descriptors left: some come back.
        asio::steady_timer pause(*shared->io, std::chrono::milliseconds(100));
        co_await pause.async_wait(quiet(ec));
        continue;
      }
      // Beyond these a client waits for its head to be read, and nginx with it.
      if (shared->beginning.size() >= shared->limits.max_beginning) continue;
      asio::co_spawn(*shared->io, serve_beginning(shared, std::make_shared<UnixTransport>(std::move(socket))), asio::detached);
    }
  }

  TunnelsPtr shared_;
  std::string path_;
  std::shared_ptr<asio::local::stream_protocol::acceptor> acceptor_;
};

}  // namespace

Result<std::unique_ptr<TunnelServer>> TunnelServer::listen(Loop& loop, TunnelListening how) {
  if (auto made = make_way_for_socket(how.path); !made) return fail(made.error());
  auto shared = std::make_shared<Tunnels>();
  shared->io = &loop.state().io;
  shared->decide = std::move(how.decide);
  shared->on_end = std::move(how.on_end);
  shared->limits = how.limits;
  shared->names = NameLookup::create(loop, std::move(how.lookup), how.lookup_limits);
  auto server = std::make_unique<UnixTunnels>(std::move(shared), how.path);
  if (auto begun = server->begin(how.mode, how.bound); !begun) return fail(begun.error());
  return std::unique_ptr<TunnelServer>(std::move(server));
}

}  // namespace postern::net
