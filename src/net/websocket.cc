#include "net/websocket.h"

#include <openssl/rand.h>
#include <openssl/sha.h>
#include <wslay/wslay.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <cstring>

#include <fmt/format.h>

#include "net/detail/websocket_core.h"

namespace postern::net::detail {
namespace {

class WebSocketImpl final : public WebSocket, public std::enable_shared_from_this<WebSocketImpl> {
 public:
  WebSocketImpl(asio::io_context& io, TransportPtr transport, bool server, std::string first, WebSocketLimits limits,
                std::function<void()> on_end)
      : io_(io), transport_(std::move(transport)), limits_(limits), timer_(io), in_(std::move(first)),
        on_end_(std::move(on_end)) {
    wslay_event_callbacks callbacks{};
    callbacks.recv_callback = on_recv;
    callbacks.send_callback = on_send;
    callbacks.genmask_callback = [](wslay_event_context_ptr, uint8_t* buffer, size_t size, void*) {
      return RAND_bytes(buffer, static_cast<int>(size)) == 1 ? 0 : -1;
    };
    callbacks.on_msg_recv_callback = on_msg;
    const int made = server ? wslay_event_context_server_init(&context_, &callbacks, this)
                            : wslay_event_context_client_init(&context_, &callbacks, this);
    if (made != 0) throw std::bad_alloc();
    wslay_event_config_set_max_recv_msg_length(context_, limits_.max_message);
  }
  ~WebSocketImpl() override { wslay_event_context_free(context_); }

  void start() {
    watch();  // First: the reading may end the connection at once, and with it the watch.
    asio::co_spawn(io_, read_loop(shared_from_this()), asio::detached);
  }

  void send(Bytes message) override {
    if (closed_ || closing_) return;
    if (queued_bytes() + message.size() > limits_.max_queue) {
      fail_with(1013, "the other end does not keep up");
      return;
    }
    wslay_event_msg msg{WSLAY_BINARY_FRAME, message.data(), message.size()};
    wslay_event_queue_msg(context_, &msg);
    pump_soon();
  }
  void close(std::uint16_t code, std::string reason) override {
    if (closed_ || closing_) return;
    closing_ = true;
    close_code_ = code;
    close_reason_ = reason;
    reason.resize(std::min<std::size_t>(reason.size(), 120));
    wslay_event_send(context_);  // it lets control frames overtake messages, and sends none after a close
    wslay_event_queue_close(context_, code, reinterpret_cast<const uint8_t*>(reason.data()), reason.size());
    pump_soon();
  }
  void abort() override {
    on_close = nullptr;
    on_message = nullptr;
    end(1006, "aborted");
  }
  std::size_t queued_bytes() const override {
    return out_.size() + writing_.size() + wslay_event_get_queued_msg_length(context_);
  }
  const PeerIdentity& peer() const override { return transport_->peer(); }

 private:
  static ssize_t on_recv(wslay_event_context_ptr context, uint8_t* buffer, size_t size, int, void* self_) {
    auto& self = *static_cast<WebSocketImpl*>(self_);
    const auto left = self.in_.size() - self.in_at_;
    if (left == 0) {
      wslay_event_set_error(context, WSLAY_ERR_WOULDBLOCK);
      return -1;
    }
    const auto n = std::min(size, left);
    std::memcpy(buffer, self.in_.data() + self.in_at_, n);
    self.in_at_ += n;
    return static_cast<ssize_t>(n);
  }
  static ssize_t on_send(wslay_event_context_ptr, const uint8_t* data, size_t size, int, void* self_) {
    static_cast<WebSocketImpl*>(self_)->out_.append(reinterpret_cast<const char*>(data), size);
    return static_cast<ssize_t>(size);
  }
  static void on_msg(wslay_event_context_ptr, const wslay_event_on_msg_recv_arg* arg, void* self_) {
    auto& self = *static_cast<WebSocketImpl*>(self_);
    if (arg->opcode == WSLAY_CONNECTION_CLOSE) {
      self.close_code_ = arg->status_code == 0 ? 1005 : arg->status_code;
      if (arg->msg_length > 2) self.close_reason_.assign(reinterpret_cast<const char*>(arg->msg) + 2, arg->msg_length - 2);
    } else if (arg->opcode == WSLAY_BINARY_FRAME) {
      self.received_.emplace_back(arg->msg, arg->msg + arg->msg_length);
    } else if (arg->opcode == WSLAY_TEXT_FRAME) {
      self.text_seen_ = true;
    }
  }

  static Task<void> read_loop(std::shared_ptr<WebSocketImpl> self) {
    std::vector<char> buffer(64 << 10);
    for (;;) {
      self->take_input();
      if (self->closed_) co_return;
      error_code ec;
      const auto n = co_await self->transport_->read_some(buffer.data(), buffer.size(), ec);
      if (self->closed_) co_return;
      if (ec || n == 0) {
        self->end(self->close_code_ == 0 ? 1006 : self->close_code_, ec ? ec.message() : "the other end hung up");
        co_return;
      }
      self->silent_rounds_ = 0;
      self->in_.append(buffer.data(), n);
    }
  }

  void take_input() {
    if (in_.empty()) return;
    const int result = wslay_event_recv(context_);
    in_.erase(0, in_at_);
    in_at_ = 0;
    // Callbacks run outside wslay, so that they may send, close and abort.
    for (auto& message : std::exchange(received_, {})) {
      if (closed_) return;
      const auto callback = on_message;
      if (callback) callback(message);
    }
    if (closed_) return;
    if (result != 0) {
      fail_with(1002, "broken WebSocket framing");
      return;
    }
    if (text_seen_) {
      fail_with(1003, "only binary messages are spoken here");
      return;
    }
    pump();
  }

  void pump_soon() {
    if (std::exchange(pump_posted_, true)) return;
    asio::post(io_, [self = shared_from_this()] {
      self->pump_posted_ = false;
      self->pump();
    });
  }

  void pump() {
    if (closed_) return;
    wslay_event_send(context_);
    if (writing_.empty() && !out_.empty()) {
      writing_.swap(out_);
      asio::co_spawn(io_, write_loop(shared_from_this()), asio::detached);
    } else if (writing_.empty()) {
      finish_if_done();
    }
  }

  static Task<void> write_loop(std::shared_ptr<WebSocketImpl> self) {
    while (!self->closed_ && !self->writing_.empty()) {
      error_code ec;
      co_await self->transport_->write_all(self->writing_.data(), self->writing_.size(), ec);
      self->writing_.clear();
      if (self->closed_) co_return;
      if (ec) {
        self->end(1006, ec.message());
        co_return;
      }
      self->writing_.swap(self->out_);
    }
    self->finish_if_done();
  }

  void finish_if_done() {
    if (wslay_event_get_close_sent(context_) && wslay_event_get_close_received(context_)) end(close_code_, close_reason_);
  }

  void fail_with(std::uint16_t code, std::string why) {
    close(code, why);
    // The frame gets one round to leave; who does not answer it is dropped by the watch.
    pump();
  }

  void watch() {
    timer_.expires_after(limits_.ping_interval);
    timer_.async_wait([weak = weak_from_this()](error_code ec) {
      const auto self = weak.lock();
      if (ec || !self || self->closed_) return;
      ++self->silent_rounds_;
      if (self->limits_.ping_interval * self->silent_rounds_ >= self->limits_.idle_timeout) {
        self->end(1006, "no sign of life from the other end");
        return;
      }
      wslay_event_msg ping{WSLAY_PING, nullptr, 0};
      wslay_event_queue_msg(self->context_, &ping);
      self->pump();
      self->watch();
    });
  }

  void end(std::uint16_t code, std::string reason) {
    if (std::exchange(closed_, true)) return;
    const auto self = shared_from_this();
    timer_.cancel();
    transport_->close();
    const auto callback = std::exchange(on_close, nullptr);
    on_message = nullptr;
    if (on_end_) std::exchange(on_end_, nullptr)();
    if (callback) callback(code, std::move(reason));
  }

  asio::io_context& io_;
  TransportPtr transport_;
  WebSocketLimits limits_;
  asio::steady_timer timer_;
  wslay_event_context_ptr context_ = nullptr;
  std::string in_;
  std::size_t in_at_ = 0;
  std::string out_;
  std::string writing_;
  std::vector<Bytes> received_;
  bool text_seen_ = false;
  bool pump_posted_ = false;
  bool closing_ = false;
  bool closed_ = false;
  int silent_rounds_ = 0;
  std::uint16_t close_code_ = 0;
  std::string close_reason_;
  std::function<void()> on_end_;
};

}  // namespace

WebSocketPtr start_websocket(asio::io_context& io, TransportPtr transport, bool server, std::string first,
                             WebSocketLimits limits, std::function<void()> on_end) {
  auto socket = std::make_shared<WebSocketImpl>(io, std::move(transport), server, std::move(first), limits, std::move(on_end));
  asio::post(io, [socket] { socket->start(); });
  return socket;
}

std::string websocket_accept(const std::string& key) {
  const auto text = key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  unsigned char digest[SHA_DIGEST_LENGTH];
  SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest);
  return to_base64(ByteView(digest, sizeof digest));
}

}  // namespace postern::net::detail
