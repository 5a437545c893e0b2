#include "agent/shell/ems_link.h"

#include <algorithm>

#include "agent/shell/ems_target.h"

namespace postern::agent {
namespace {

constexpr const char* kTelemetryProtocol = "postern-telemetry/1";
constexpr std::size_t kMaxMessage = 8u << 20;
constexpr std::size_t kMaxQueue = 16u << 20;

}  // namespace

void EmsLink::connect(const Enrolment& enrolment) {
  abort();
  addresses_ = enrolment.addresses;
  const auto last = std::ranges::find(addresses_, address_);
  if (last != addresses_.end()) std::rotate(addresses_.begin(), last, last + 1);
  identity_ = {enrolment.chain_pem(), enrolment.key.to_pem()};
  root_key_sha256_ = enrolment.root_key_sha256;
  tried_ = 0;
  failures_.clear();
  attempt();
}

void EmsLink::attempt() {
  const auto generation = generation_;
  if (tried_ == addresses_.size()) {
    // Not inside the call that asked for it.
    loop_.post([this, generation] {
      if (generation != generation_) return;
      ++generation_;
      events_.disconnected(failures_.empty() ? "the EMS has no address" : failures_);
    });
    return;
  }
  const auto address = addresses_[tried_++];
  const auto failed = [this](const Error& error) {
    failures_ += (failures_.empty() ? "" : "; ") + error.message;
    attempt();
  };
  auto to = ems_target(address, root_key_sha256_, kTelemetryProtocol, clock_);
  if (!to) return failed(to.error());
  to->target.tls.identity = identity_;
  net::WebSocketLimits limits;
  limits.max_message = kMaxMessage;
  limits.max_queue = kMaxQueue;
  opening_ = net::open_websocket(
      loop_, to->target, "/telemetry",
      [this, generation, address, failed, explain = *to](Result<net::WebSocketPtr> opened) {
        if (generation != generation_) return;
        if (!opened) return failed(explain.explain(opened.error()));
        socket_ = std::move(*opened);
        address_ = address;
        socket_->on_message = [this, generation](ByteView bytes) {
          if (generation == generation_) events_.frame(bytes);
        };
        socket_->on_close = [this, generation](std::uint16_t, std::string reason) {
          if (generation != generation_) return;
          ++generation_;
          loop_.post([ended = std::move(socket_)] {});  // it is still in this call
          events_.disconnected(reason.empty() ? "the EMS closed the connection" : std::move(reason));
        };
        events_.connected();
      },
      limits);
}

void EmsLink::send(Bytes bytes) {
  if (socket_) socket_->send(std::move(bytes));
}

void EmsLink::disconnect(const std::string& reason) {
  if (socket_) socket_->close(1000, reason.substr(0, 100));
  ++generation_;
  opening_.cancel();
  if (socket_) loop_.post([ended = std::move(socket_)] {});
  socket_ = nullptr;
}

void EmsLink::abort() {
  ++generation_;
  opening_.cancel();
  if (!socket_) return;
  socket_->abort();
  socket_ = nullptr;
}

}  // namespace postern::agent
