// Messages on their way, to real sockets on loopback.
#include "gateway/syslog/sender.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <thread>

#include "gateway/syslog/log.h"
#include "gateway/syslog/parse_lab.h"

namespace postern::gateway::syslog {
namespace {

using testing::HasSubstr;

/// A server of one kind on a free port. Reads wait ten seconds at most.
class TestServer {
 public:
  explicit TestServer(int type, std::uint16_t port = 0) : fd_(socket(AF_INET, type | SOCK_CLOEXEC, 0)), type_(type) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int one = 1;
    setsockopt(fd_, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    EXPECT_EQ(bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    if (type_ == SOCK_STREAM) listen(fd_, 4);
    socklen_t size = sizeof address;
    getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    limit(fd_);
  }
  ~TestServer() {
    hang_up();
    close(fd_);
  }
  TestServer(const TestServer&) = delete;
  TestServer& operator=(const TestServer&) = delete;

  std::uint16_t port() const { return port_; }
  void take_connection() {
    hang_up();
    connection_ = accept(fd_, nullptr, nullptr);
    ASSERT_GE(connection_, 0);
    limit(connection_);
    buffer_.clear();
  }
  void hang_up() {
    if (connection_ >= 0) close(connection_);
    connection_ = -1;
  }
  /// The next message; empty: none came.
  std::string next() {
    char bytes[65536];
    if (type_ == SOCK_DGRAM) {
      const auto n = recv(fd_, bytes, sizeof bytes, 0);
      return {bytes, static_cast<std::size_t>(n > 0 ? n : 0)};
    }
    for (;;) {
      const auto space = buffer_.find(' ');
      if (space != buffer_.npos) {
        const auto size = std::stoul(buffer_.substr(0, space));
        if (buffer_.size() >= space + 1 + size) {
          auto out = buffer_.substr(space + 1, size);
          buffer_.erase(0, space + 1 + size);
          return out;
        }
      }
      const auto n = recv(connection_, bytes, sizeof bytes, 0);
      if (n <= 0) return {};
      buffer_.append(bytes, static_cast<std::size_t>(n));
    }
  }

 private:
  static void limit(int fd) {
    const timeval ten{10, 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &ten, sizeof ten);
  }

  int fd_, connection_ = -1, type_;
  std::uint16_t port_ = 0;
  std::string buffer_;
};

Sender::Options quick() {
  Sender::Options options;
  options.backoff_min = Millis(1);
  options.backoff_max = Millis(5);
  return options;
}

void wait_until(const std::function<bool()>& done) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!done() && std::chrono::steady_clock::now() < until) std::this_thread::yield();
  EXPECT_TRUE(done());
}

void send_one(Sender& sender, const std::string& message) {
  sender.add(message);
  sender.flush();
}

TEST(SyslogSender, ADatagramForEach) {
  TestServer server(SOCK_DGRAM);
  Sender sender({"127.0.0.1", server.port(), false, {}}, quick());
  sender.add("one");
  sender.add("two\nlines");
  sender.flush();
  EXPECT_EQ(server.next(), "one");
  EXPECT_EQ(server.next(), "two\nlines");
  wait_until([&] { return sender.counters().sent == 2; });
  EXPECT_EQ(sender.trouble(), "");
}

TEST(SyslogSender, OverTcpEachWithItsLength) {
  TestServer server(SOCK_STREAM);
  Sender sender({"localhost", server.port(), true, IpAddress::v4({127, 0, 0, 1})}, quick());
  server.take_connection();
  std::string large(20'000, 'x');
  for (const auto* text : {"one", "two\nlines", large.c_str()}) sender.add(text);
  sender.flush();
  EXPECT_EQ(server.next(), "one");
  EXPECT_EQ(server.next(), "two\nlines");
  EXPECT_EQ(server.next(), large);
}

TEST(SyslogSender, AServerThatGoesIsConnectedAgain) {
  TestServer server(SOCK_STREAM);
  Sender sender({"127.0.0.1", server.port(), true, {}}, quick());
  server.take_connection();
  send_one(sender, "one");
  EXPECT_EQ(server.next(), "one");
  server.hang_up();
  server.take_connection();  // by itself, before there is anything to send
  send_one(sender, "two");
  EXPECT_EQ(server.next(), "two");
  wait_until([&] { return sender.counters().sent == 2 && sender.trouble().empty(); });
}

TEST(SyslogSender, WhatComesWhileNobodyListensWaits) {
  std::uint16_t port = 0;
  {
    TestServer gone(SOCK_STREAM);
    port = gone.port();
  }
  Sender sender({"127.0.0.1", port, true, {}}, quick());
  send_one(sender, "early");
  wait_until([&] { return !sender.trouble().empty(); });
  EXPECT_THAT(sender.trouble(), HasSubstr("TCP 127.0.0.1 port " + std::to_string(port) + ": Connection refused"));
  EXPECT_EQ(sender.counters().sent, 0u);
  TestServer server(SOCK_STREAM, port);
  server.take_connection();
  EXPECT_EQ(server.next(), "early");
  wait_until([&] { return sender.counters().queued == 0 && sender.trouble().empty(); });
}

TEST(SyslogSender, WhatFindsNoRoomIsCounted) {
  TestServer server(SOCK_STREAM);  // takes the connection and reads nothing
  auto options = quick();
  options.max_queued = 4096;
  Sender sender({"127.0.0.1", server.port(), true, {}}, options);
  server.take_connection();
  const std::string message(1000, 'x');
  std::uint64_t added = 0;
  const auto begun = std::chrono::steady_clock::now();
  while (sender.counters().dropped < 10 && added < 100'000) {
    send_one(sender, message);
    ++added;
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(10)) << "adding waits for nobody";
  const auto dropped = sender.counters().dropped;
  EXPECT_GE(dropped, 10u);
  EXPECT_LE(sender.counters().queued, options.max_queued);
  // It reads after all: everything but what was counted is there.
  for (std::uint64_t i = 0; i < added - dropped; ++i) ASSERT_EQ(server.next(), message) << i;
}

TEST(SyslogSender, ADatagramThatIsTooLargeHoldsNothingUp) {
  TestServer server(SOCK_DGRAM);
  Sender sender({"127.0.0.1", server.port(), false, {}}, quick());
  sender.add(std::string(70'000, 'x'));
  sender.add("after");
  sender.flush();
  EXPECT_EQ(server.next(), "after");
  EXPECT_EQ(sender.counters().dropped, 1u);
}

TEST(SyslogSender, ThatNobodyTakesDatagramsIsTold) {
  std::uint16_t port = 0;
  {
    TestServer gone(SOCK_DGRAM);
    port = gone.port();
  }
  Sender sender({"127.0.0.1", port, false, {}}, quick());
  wait_until([&] {
    send_one(sender, "x");
    return !sender.trouble().empty();
  });
  EXPECT_THAT(sender.trouble(), HasSubstr("nobody listens there"));
}

TEST(SyslogSender, ANameThatDoesNotResolve) {
  Sender sender({"no-such-host.invalid", 514, false, {}}, quick());
  wait_until([&] { return !sender.trouble().empty(); });
  EXPECT_THAT(sender.trouble(), HasSubstr("no-such-host.invalid port 514: the name does not resolve"));
}

TEST(SyslogSender, TheLastWordsAreSaid) {
  TestServer server(SOCK_STREAM);
  {
    Sender sender({"127.0.0.1", server.port(), true, {}}, quick());
    sender.add("last");
    sender.end();
    EXPECT_EQ(sender.counters().sent, 1u);
  }
  server.take_connection();
  EXPECT_EQ(server.next(), "last");
  EXPECT_EQ(server.next(), "");
}

TEST(SyslogSender, AnEndWithoutAServerDoesNotWaitForLong) {
  auto options = quick();
  options.last_words = Millis(20);
  std::uint16_t port = 0;
  {
    TestServer gone(SOCK_STREAM);
    port = gone.port();
  }
  Sender sender({"127.0.0.1", port, true, {}}, options);
  send_one(sender, "never");
  const auto begun = std::chrono::steady_clock::now();
  sender.end();
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(5));
}

TEST(SyslogLog, FollowsItsTarget) {
  TestServer first(SOCK_STREAM), second(SOCK_STREAM);
  Log log(quick());
  EXPECT_FALSE(log.on());
  EXPECT_TRUE(log.health());
  ecshm::Event event;
  event.type = ecshm::EventType::kDenied;
  log.add(event, {});  // nowhere
  log.use(Target{"127.0.0.1", first.port(), true, {}}, {23, "gw1", "1"});
  first.take_connection();
  event.id = "AAAA-AAAA";
  log.add(event, {});
  log.flush();
  EXPECT_EQ(parse_message(first.next())->get("id"), "AAAA-AAAA");
  wait_until([&] { return log.counters().sent == 1; });
  log.use(Target{"127.0.0.1", second.port(), true, {}}, {23, "gw2", "1"});
  second.take_connection();
  event.id = "BBBB-BBBB";
  log.add(event, {});
  log.flush();
  EXPECT_EQ(parse_message(second.next())->host, "gw2");
  EXPECT_EQ(first.next(), "");
  wait_until([&] { return log.counters().sent == 2; });
  log.use(std::nullopt, {});
  EXPECT_FALSE(log.on());
  EXPECT_EQ(log.counters().sent, 2u);
}

TEST(SyslogLog, WhatWaitsGoesToTheNextServerOrIsCounted) {
  std::uint16_t closed = 0;
  { closed = TestServer(SOCK_STREAM).port(); }
  Log log(quick());
  ecshm::Event event;
  event.type = ecshm::EventType::kDenied;
  const auto waits = [&](const char* id) {
    log.use(Target{"127.0.0.1", closed, true, {}}, {23, "gw1", "1"});
    event.id = id;
    log.add(event, {});
    log.flush();
    EXPECT_GT(log.counters().queued, 0u);
  };
  waits("AAAA-AAAA");
  TestServer server(SOCK_STREAM);
  log.use(Target{"127.0.0.1", server.port(), true, {}}, {23, "gw1", "1"});
  server.take_connection();
  EXPECT_EQ(parse_message(server.next())->get("id"), "AAAA-AAAA");
  waits("BBBB-BBBB");
  log.use(std::nullopt, {});
  EXPECT_EQ(log.counters().dropped, 1u);
}

}  // namespace
}  // namespace postern::gateway::syslog
