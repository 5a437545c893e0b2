#include "net/detail/tunnel_pump.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <cstring>

#include "base/random.h"
#include "net/detail/tcp_frames.h"

namespace postern::net::detail {
namespace {

using asio::ip::tcp;
namespace frames = tcp_frames;

constexpr std::size_t kChunk = 64u << 10;
/// Answers to pings beyond this wait for nobody: whoever sends so many does not read.
constexpr std::size_t kMaxControl = 4096;
constexpr std::chrono::seconds kCloseTimeout{5};
constexpr std::uint16_t kHungUp = 1006;

class Pump final : public TunnelPump, public std::enable_shared_from_this<Pump> {
 public:
  Pump(asio::io_context& io, TransportPtr transport, tcp::socket tcp, bool server, std::string first,
       std::chrono::seconds ping_interval, std::function<void(TunnelEnd)> on_end)
      : io_(io), transport_(std::move(transport)), tcp_(std::move(tcp)), server_(server), first_(std::move(first)),
        ping_interval_(ping_interval), reader_(server), on_end_(std::move(on_end)), free_(io, asio::steady_timer::time_point::max()), timer_(io) {
    error_code ignored;
    tcp_.set_option(tcp::no_delay(true), ignored);
    tcp_.set_option(asio::socket_base::keep_alive(true), ignored);
  }

  void start() {
    if (over_) return;
    const auto self = shared_from_this();
    asio::co_spawn(io_, up(self), asio::detached);
    asio::co_spawn(io_, down(self), asio::detached);
    ping_later();
  }
  void abort() override {
    on_end_ = nullptr;
    finish(kHungUp, "given up");
  }

 private:
  /// A fresh mask for each frame, as RFC 6455 §5.3 wants it: nullptr where none is used.
  const std::uint8_t* fresh_key() {
    if (server_) return nullptr;
    if (keys_at_ + 4 > sizeof keys_) {
      SystemRandom().fill(keys_);
      keys_at_ = 0;
    }
    const auto* key = keys_ + keys_at_;
    keys_at_ += 4;
    return key;
  }

  // One write at a time. Control frames go between the frames of data, never inside.
  static Task<void> write(std::shared_ptr<Pump> self, const char* data, std::size_t size, error_code& ec) {
    while (self->writing_ && !self->over_) {
      error_code ignored;
      co_await self->free_.async_wait(quiet(ignored));
    }
    if (self->over_) {
      ec = asio::error::operation_aborted;
      co_return;
    }
    self->writing_ = true;
    if (size > 0) co_await self->transport_->write_all(data, size, ec);
    while (!ec && !self->over_ && !self->control_.empty()) {
      const auto control = std::exchange(self->control_, {});
      co_await self->transport_->write_all(control.data(), control.size(), ec);
    }
    self->writing_ = false;
    self->free_.cancel();
  }
  static Task<void> flush(std::shared_ptr<Pump> self) {
    error_code ec;
    co_await write(self, nullptr, 0, ec);
    if (ec) self->finish(kHungUp, ec.message());
  }
  void send_control(std::string frame) {
    if (over_ || close_sent_ || control_.size() > kMaxControl) return;
    control_ += frame;
    if (!writing_) asio::co_spawn(io_, flush(shared_from_this()), asio::detached);
  }
  void send_close(std::uint16_t code, std::string_view why) {
    if (over_ || close_sent_) return;
    send_control(frames::close_frame(code, why, fresh_key()));
    close_sent_ = true;
    // Who does not answer it is not waited for.
    timer_.expires_after(kCloseTimeout);
    timer_.async_wait([self = shared_from_this()](error_code ec) {
      if (!ec) self->finish(self->end_.code == 0 ? kHungUp : self->end_.code, self->end_.reason);
    });
  }

  void ping_later() {
    timer_.expires_after(ping_interval_);
    timer_.async_wait([weak = weak_from_this()](error_code ec) {
      const auto self = weak.lock();
      if (ec || !self || self->over_ || self->close_sent_) return;
      if (self->control_.empty()) self->send_control(frames::ping_frame(self->fresh_key()));
      self->ping_later();
    });
  }

  /// TCP to WebSocket.
  static Task<void> up(std::shared_ptr<Pump> self) {
    // A frame's head is put before what was read behind the room for it.
    const auto buffer = std::make_unique_for_overwrite<std::uint8_t[]>(frames::kMaxHead + kChunk);
    auto* const data = buffer.get() + frames::kMaxHead;
    for (;;) {
      error_code ec;
      const auto n = co_await self->tcp_.async_read_some(asio::buffer(data, kChunk), quiet(ec));
      if (self->over_) co_return;
      if (ec == asio::error::eof) break;
      if (ec) {
        self->tcp_failed(ec);
        co_return;
      }
      self->end_.from_tcp += n;
      const auto* key = self->fresh_key();
      const auto head = frames::put_head(data, n, key);
      if (key != nullptr) frames::mask({data, n}, key);
      co_await write(self, reinterpret_cast<const char*>(data - head), head + n, ec);
      if (ec) {
        self->finish(kHungUp, ec.message());
        co_return;
      }
    }
    self->up_ended_ = true;
    self->send_control(frames::end_frame(self->fresh_key()));
    self->close_if_done();
  }

  /// WebSocket to TCP.
  static Task<void> down(std::shared_ptr<Pump> self) {
    const auto buffer = std::make_unique_for_overwrite<std::uint8_t[]>(kChunk);
    std::size_t n = std::min(self->first_.size(), kChunk);
    std::memcpy(buffer.get(), self->first_.data(), n);
    self->first_.erase(0, n);
    for (;;) {
      std::span<std::uint8_t> input(buffer.get(), n);
      for (;;) {
        const auto piece = self->reader_.next(input);
        if (piece.kind == frames::Kind::kMore) break;
        error_code ec;
        if (piece.kind == frames::Kind::kData) {
          if (self->down_ended_) {
            self->break_off("data behind the end of its direction");
            co_return;
          }
          if (self->close_sent_) continue;
          co_await asio::async_write(self->tcp_, asio::buffer(piece.bytes.data(), piece.bytes.size()), quiet(ec));
          if (self->over_) co_return;
          if (ec) {
            self->tcp_failed(ec);
            continue;
          }
          self->end_.to_tcp += piece.bytes.size();
        } else if (piece.kind == frames::Kind::kEnd) {
          if (std::exchange(self->down_ended_, true)) {
            self->break_off("a direction ends twice");
            co_return;
          }
          self->tcp_.shutdown(tcp::socket::shutdown_send, ec);
          self->close_if_done();
        } else if (piece.kind == frames::Kind::kPing) {
          self->send_control(frames::pong_frame(piece.bytes, self->fresh_key()));
        } else if (piece.kind == frames::Kind::kClose) {
          co_await self->closed(self, piece.code, std::string(piece.text));
          co_return;
        } else if (piece.kind == frames::Kind::kRefuse) {
          const auto why = std::string(piece.text);
          self->send_close(piece.code, why);
          co_await write(self, nullptr, 0, ec);
          self->finish(piece.code, why);
          co_return;
        }
      }
      error_code ec;
      if (!self->first_.empty()) {
        n = std::min(self->first_.size(), kChunk);
        std::memcpy(buffer.get(), self->first_.data(), n);
        self->first_.erase(0, n);
        continue;
      }
      n = co_await self->transport_->read_some(reinterpret_cast<char*>(buffer.get()), kChunk, ec);
      if (self->over_) co_return;
      if (ec || n == 0) {
        self->finish(self->close_sent_ && self->end_.code != 0 ? self->end_.code : kHungUp,
                     self->close_sent_ ? self->end_.reason : "the other end's connection was cut");
        co_return;
      }
    }
  }

  void close_if_done() {
    if (!up_ended_ || !down_ended_ || end_.code != 0) return;
    end_.code = static_cast<std::uint16_t>(frames::Code::kDone);
    end_.clean = true;
    send_close(end_.code, "");
  }
  /// The peer said good-bye.
  Task<void> closed(std::shared_ptr<Pump> self, std::uint16_t code, std::string why) {
    if (!close_sent_) {
      if (code == static_cast<std::uint16_t>(frames::Code::kDone) && up_ended_ && down_ended_) end_.clean = true;
      send_close(code == 1005 ? static_cast<std::uint16_t>(frames::Code::kDone) : code, "");
      error_code ec;
      co_await write(self, nullptr, 0, ec);
      end_.code = code;
      end_.reason = std::move(why);
    }
    finish(end_.code == 0 ? code : end_.code, end_.reason);
  }
  void tcp_failed(error_code ec) {
    if (end_.code != 0) return;
    end_.code = static_cast<std::uint16_t>(frames::Code::kReset);
    end_.reason = ec.message();
    reset_tcp();
    send_close(end_.code, end_.reason);
  }
  void break_off(const char* why) {
    send_close(static_cast<std::uint16_t>(frames::Code::kBroken), why);
    finish(static_cast<std::uint16_t>(frames::Code::kBroken), why);
  }
  void reset_tcp() {
    error_code ignored;
    tcp_.set_option(asio::socket_base::linger(true, 0), ignored);
    tcp_.close(ignored);
  }

  void finish(std::uint16_t code, std::string why) {
    if (std::exchange(over_, true)) return;
    const auto self = shared_from_this();
    timer_.cancel();
    free_.cancel();
    transport_->close();
    if (end_.clean) {
      error_code ignored;
      tcp_.close(ignored);
    } else {
      reset_tcp();
    }
    end_.code = code;
    if (end_.reason.empty()) end_.reason = std::move(why);
    if (on_end_) std::exchange(on_end_, nullptr)(end_);
  }

  asio::io_context& io_;
  TransportPtr transport_;
  tcp::socket tcp_;
  const bool server_;
  std::string first_;
  const std::chrono::seconds ping_interval_;
  frames::Reader reader_;
  std::function<void(TunnelEnd)> on_end_;
  asio::steady_timer free_;   // never runs out: cancelled, it wakes all that wait for the end of a write
  asio::steady_timer timer_;  // pings, then the wait for an answer to our close
  std::string control_;
  bool writing_ = false, close_sent_ = false, over_ = false;
  bool up_ended_ = false, down_ended_ = false;
  std::uint8_t keys_[1024];
  std::size_t keys_at_ = sizeof keys_;
  TunnelEnd end_;
};

}  // namespace

std::shared_ptr<TunnelPump> start_tunnel(asio::io_context& io, TransportPtr transport, tcp::socket tcp, bool server,
                                         std::string first, std::chrono::seconds ping_interval,
                                         std::function<void(TunnelEnd)> on_end) {
  auto pump = std::make_shared<Pump>(io, std::move(transport), std::move(tcp), server, std::move(first), ping_interval,
                                     std::move(on_end));
  // Not from inside this call: the caller has yet to keep it.
  asio::post(io, [pump] { pump->start(); });
  return pump;
}

}  // namespace postern::net::detail
