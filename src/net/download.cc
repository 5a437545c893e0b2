#include "net/download.h"

#include <fmt/format.h>

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>

#include "net/detail/state.h"

namespace postern::net {
namespace {

using namespace detail;
namespace beast_http = boost::beast::http;

constexpr std::uint32_t kMaxHead = 64u << 10;
/// Beast takes the last chunk of a chunked body again when it comes in fewer bytes than these; see http_parser.cc.
constexpr std::size_t kWholeLastChunk = 5;

auto without_throwing(error_code& ec) { return asio::redirect_error(asio::use_awaitable, ec); }

/// Ends the connection when it stands still or takes too long as a whole.
class Watchdog {
 public:
  Watchdog(asio::io_context& io, std::function<void()> end, const DownloadLimits& limits)
      : timer_(io), idle_(limits.idle), end_at_(std::chrono::steady_clock::now() + limits.total), end_(std::move(end)) {
    touch();
  }
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  void touch() {
    timer_.expires_at(std::min(std::chrono::steady_clock::now() + idle_, end_at_));
    timer_.async_wait([end = end_, hit = hit_](error_code ec) {
      if (ec) return;
      *hit = true;
      end();
    });
  }
  bool hit() const { return *hit_; }
  Error error(const std::string& where) const {
    const bool whole = std::chrono::steady_clock::now() >= end_at_;
    return {ErrorCode::kDeadlineExceeded,
            whole ? fmt::format("{}: the download took too long", where)
                  : fmt::format("{}: nothing came for {} s", where, std::chrono::duration<double>(idle_).count())};
  }

 private:
  asio::steady_timer timer_;
  std::chrono::milliseconds idle_;
  std::chrono::steady_clock::time_point end_at_;
  std::function<void()> end_;
  std::shared_ptr<bool> hit_ = std::make_shared<bool>(false);
};

Task<Result<TransportPtr>> connect_loopback(asio::io_context& io, const Target& target,
                                            std::shared_ptr<Cancelled> cancelled) {
  const auto where = fmt::format("connecting to {}:{}", target.host, target.port);
  asio::ip::tcp::socket socket(io);
  cancelled->abort = [&socket] {
    error_code ignored;
    socket.close(ignored);
  };
  error_code ec;
  DownloadLimits limits;
  limits.idle = target.timeout;
  Watchdog watchdog(io, [&socket] {
    error_code ignored;
    socket.close(ignored);
  }, limits);
  asio::ip::tcp::resolver resolver(io);
  const auto found = co_await resolver.async_resolve(target.host, std::to_string(target.port), without_throwing(ec));
  if (ec) {
    cancelled->abort = nullptr;
    co_return fail(ErrorCode::kUnavailable, fmt::format("{}: the name is not known ({})", where, ec.message()));
  }
  bool local = false;
  for (const auto& entry : found) {
    if (!entry.endpoint().address().is_loopback() || cancelled->yes || watchdog.hit()) continue;
    local = true;
    error_code ignored;
    socket.close(ignored);
    co_await socket.async_connect(entry.endpoint(), without_throwing(ec));
    if (!ec) break;
  }
  cancelled->abort = nullptr;
  if (watchdog.hit()) co_return fail(watchdog.error(where));
  if (!local) {
    co_return fail(ErrorCode::kPermissionDenied, where + ": without TLS only this machine is connected to; use https");
  }
  if (ec || cancelled->yes) co_return fail(ErrorCode::kUnavailable, fmt::format("{}: {}", where, ec.message()));
  co_return plain_transport(std::move(socket));
}

std::string head_of(const Download& what) {
  const auto& t = what.target;
  const bool v6 = t.host.find(':') != std::string::npos;
  const bool usual = t.port == (what.plain_to_loopback ? 80 : 443);
  std::string out = fmt::format("GET {} HTTP/1.1\r\nHost: {}{}{}{}\r\nConnection: close\r\n", what.path, v6 ? "[" : "",
                                t.host, v6 ? "]" : "", usual ? "" : fmt::format(":{}", t.port));
  for (const auto& [name, value] : what.headers.all()) out += fmt::format("{}: {}\r\n", name, value);
  return out + "\r\n";
}

Task<Result<Downloaded>> fetch(asio::io_context& io, Download what, DownloadSink sink,
                               std::shared_ptr<Cancelled> cancelled) {
  const auto& t = what.target;
  const auto where = fmt::format("{}:{}", t.host, t.port);
  Result<TransportPtr> connected = fail(ErrorCode::kInternal, "");
  if (what.plain_to_loopback) {
    connected = co_await connect_loopback(io, t, cancelled);
  } else {
    connected = co_await connect_tls(io, t.host, t.port, t.tls, t.timeout, t.source_ip, cancelled);
  }
  if (!connected) co_return fail(connected.error());
  const TransportPtr transport = *connected;
  cancelled->abort = [transport] { transport->close(); };
  Watchdog watchdog(io, [transport] { transport->close(); }, what.limits);
  const auto head = head_of(what);
  error_code ec;
  co_await transport->write_all(head.data(), head.size(), ec);
  if (ec) {
    co_return fail(watchdog.hit() ? watchdog.error(where)
                                  : Error{ErrorCode::kUnavailable, fmt::format("{}: {}", where, ec.message())});
  }

  beast_http::response_parser<beast_http::buffer_body> parser;
  parser.header_limit(kMaxHead);
  parser.body_limit(what.limits.max_bytes);
  parser.eager(true);
  Downloaded out;
  std::string data;
  std::vector<char> in(64u << 10), piece(64u << 10);
  const auto too_large = [&] {
    return fail(ErrorCode::kResourceExhausted,
                fmt::format("{}: the answer is larger than the limit of {} bytes", where, what.limits.max_bytes));
  };
  bool ended = false;
  while (!parser.is_done() && !ended) {
    const auto n = co_await transport->read_some(in.data(), in.size(), ec);
    if (cancelled->yes) co_return fail(ErrorCode::kUnavailable, where + ": given up");
    if (watchdog.hit()) co_return fail(watchdog.error(where));
    watchdog.touch();
    ended = ec || n == 0;
    data.append(in.data(), n);
    while (!data.empty() && !parser.is_done()) {
      if (!ended && parser.is_header_done() && parser.chunked() && data.size() < kWholeLastChunk) break;
      auto& body = parser.get().body();
      body.data = piece.data();
      body.size = piece.size();
      body.more = true;
      error_code wrong;
      const auto used = parser.put(asio::buffer(data), wrong);
      const auto made = piece.size() - body.size;
      data.erase(0, used);
      if (made > 0 && parser.get().result_int() == 200) {
        if (auto taken = sink({piece.data(), made}); !taken) co_return fail(taken.error());
      }
      out.bytes += made;
      if (wrong == beast_http::error::body_limit) co_return too_large();
      if (wrong == beast_http::error::need_more) break;
      if (wrong && wrong != beast_http::error::need_buffer) {
        co_return fail(ErrorCode::kDataLoss, fmt::format("{}: not a valid HTTP/1.1 answer: {}", where, wrong.message()));
      }
      if (used == 0 && made == 0) break;
    }
  }
  transport->close();
  if (!parser.is_done()) {
    if (!parser.got_some()) co_return fail(ErrorCode::kDataLoss, where + ": the connection ended without an answer");
    error_code wrong;
    parser.put_eof(wrong);
    out.end_told = false;
    if (wrong || !parser.is_done()) {
      co_return fail(ErrorCode::kDataLoss, fmt::format("{}: the answer was cut short after {} bytes", where, out.bytes));
    }
  }
  const auto& message = parser.get();
  out.status = static_cast<int>(message.result_int());
  for (const auto& field : message.base()) out.headers.add(std::string(field.name_string()), std::string(field.value()));
  co_return out;
}

Task<void> carry_out(Task<Result<Downloaded>> work, std::shared_ptr<Cancelled> cancelled, DownloadReply reply) {
  Result<Downloaded> result = co_await std::move(work);
  if (!cancelled->yes) reply(std::move(result));
}

}  // namespace

Handle download(Loop& loop, Download what, DownloadSink sink, DownloadReply reply) {
  auto cancelled = std::make_shared<Cancelled>();
  auto& io = loop.state().io;
  asio::co_spawn(io, carry_out(fetch(io, std::move(what), std::move(sink), cancelled), cancelled, std::move(reply)),
                 asio::detached);
  return make_handle([cancelled] {
    cancelled->yes = true;
    if (cancelled->abort) std::exchange(cancelled->abort, nullptr)();
  });
}

}  // namespace postern::net
