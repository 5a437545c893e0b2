#include "net/detail/tunnel_pump.h"

#include <gtest/gtest.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <algorithm>
#include <optional>

#include "net/detail/tcp_frames.h"

namespace postern::net::detail {
namespace {

using asio::ip::tcp;

/// The other end of a WebSocket: what it sends is put into `input`, and it takes nothing while `reads` is false.
class FakeTransport final : public Transport {
 public:
  explicit FakeTransport(asio::io_context& io) : read_(io), write_(io) {
    read_.expires_at(asio::steady_timer::time_point::max());
    write_.expires_at(asio::steady_timer::time_point::max());
  }
  Task<std::size_t> read_some(char* data, std::size_t size, error_code& ec) override {
    while (input.empty() && !closed) co_await read_.async_wait(quiet(ec));
    ec = closed ? error_code(asio::error::eof) : error_code();
    const auto n = std::min(size, input.size());
    std::copy_n(input.begin(), n, data);
    input.erase(0, n);
    co_return n;
  }
  Task<void> write_all(const char* data, std::size_t size, error_code& ec) override {
    ++writes;
    while (!reads && !closed) co_await write_.async_wait(quiet(ec));
    ec = closed ? error_code(asio::error::eof) : error_code();
    output.append(data, size);
  }
  void close() override {
    closed = true;
    go_on();
  }
  void go_on() {
    read_.cancel();
    write_.cancel();
  }

  std::string input, output;
  bool reads = true, closed = false;
  int writes = 0;

 private:
  asio::steady_timer read_, write_;
};

class TunnelPumpTest : public testing::Test {
 protected:
  TunnelPumpTest() {
    tcp::acceptor acceptor(io_, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    far_.connect(acceptor.local_endpoint());
    auto near = acceptor.accept();
    pump_ = start_tunnel(io_, transport_, std::move(near), true, {}, std::chrono::seconds(3600),
                         [this](const TunnelEnd& end) { end_ = end; });
  }
  /// All that is ready, but no more than `most` steps. Returns whether it came to rest.
  bool settle(int most = 10'000) {
    while (most-- > 0) {
      if (io_.poll_one() == 0) return true;
    }
    return false;
  }
  void say(const std::string& frames) {
    transport_->input += frames;
    transport_->go_on();
  }

  asio::io_context io_{1};
  std::shared_ptr<FakeTransport> transport_ = std::make_shared<FakeTransport>(io_);
  tcp::socket far_{io_};
  std::shared_ptr<TunnelPump> pump_;
  std::optional<TunnelEnd> end_;
  const std::uint8_t key_[4] = {1, 2, 3, 4};
};

TEST_F(TunnelPumpTest, TwoThatWaitForTheirTurnToWriteDoNotWakeEachOther) {
  ASSERT_TRUE(settle());
  transport_->reads = false;
  say(tcp_frames::ping_frame(key_));  // whose answer is not taken
  ASSERT_TRUE(settle());
  ASSERT_EQ(transport_->writes, 1);
  asio::write(far_, asio::buffer("data", 4));
  ASSERT_TRUE(settle());
  say(tcp_frames::close_frame(1000, "", key_));
  EXPECT_TRUE(settle()) << "it turns in circles while nobody reads";
  EXPECT_EQ(transport_->writes, 1);
  transport_->reads = true;
  transport_->go_on();
  EXPECT_TRUE(settle());
  ASSERT_TRUE(end_);
  EXPECT_EQ(end_->code, 1000);
  EXPECT_FALSE(end_->clean);
}

TEST_F(TunnelPumpTest, WhatWaitsForItsTurnIsWrittenInTheEnd) {
  ASSERT_TRUE(settle());
  transport_->reads = false;
  say(tcp_frames::ping_frame(key_));
  ASSERT_TRUE(settle());
  asio::write(far_, asio::buffer("data", 4));
  ASSERT_TRUE(settle());
  EXPECT_EQ(transport_->output, "");
  transport_->reads = true;
  transport_->go_on();
  EXPECT_TRUE(settle());
  EXPECT_EQ(transport_->output, tcp_frames::pong_frame({}, nullptr) + std::string("\x82\x04" "data", 6));
  pump_->abort();
  EXPECT_TRUE(settle());
}

}  // namespace
}  // namespace postern::net::detail
