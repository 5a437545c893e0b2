#include "gateway/health/checker.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <map>
#include <string>
#include <thread>

namespace postern::gateway::health {
namespace {

using Outcome = Finding::Outcome;

/// A listener on loopback that answers each connection with these bytes and hangs up; without any, it takes none.
class Listener {
 public:
  explicit Listener(std::string answer, bool accepts = true) : answer_(std::move(answer)) {
    fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof to;
    EXPECT_EQ(bind(fd_, reinterpret_cast<sockaddr*>(&to), length), 0);
    EXPECT_EQ(getsockname(fd_, reinterpret_cast<sockaddr*>(&to), &length), 0);
    port_ = ntohs(to.sin_port);
    if (!accepts) return;
    EXPECT_EQ(listen(fd_, 8), 0);
    thread_ = std::thread([this] {
      while (true) {
        const int connection = accept(fd_, nullptr, nullptr);
        if (connection < 0) return;
        char request[1024];
        if (recv(connection, request, sizeof request, 0) > 0) {
          if (send(connection, answer_.data(), answer_.size(), MSG_NOSIGNAL) < 0) request[0] = 0;
        }
        close(connection);
      }
    });
  }
  ~Listener() {
    shutdown(fd_, SHUT_RDWR);
    if (thread_.joinable()) thread_.join();
    close(fd_);
  }
  std::uint16_t port() const { return port_; }

 private:
  const std::string answer_;
  int fd_ = -1;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

class CheckerTest : public testing::Test {
 protected:
  static Check check(Protocol protocol, std::uint16_t port) {
    Check out;
    out.protocol = protocol;
    out.address = *IpAddress::parse("127.0.0.1");
    out.port = port;
    return out;
  }
  /// What the first check of each comes to.
  std::map<Check, Finding> find(const std::vector<Check>& checks) {
    net::Loop loop;
    std::map<Check, Finding> out;
    Checker checker(loop, {std::chrono::seconds(60), std::chrono::seconds(10)}, [&](const Check& c, Finding finding) {
      EXPECT_TRUE(out.try_emplace(c, std::move(finding)).second) << "once";
      if (out.size() == checks.size()) loop.stop();
    });
    checker.use(checks);
    loop.run();
    return out;
  }
};

TEST_F(CheckerTest, WhatServersAnswer) {
  Listener good("HTTP/1.1 204 No Content\r\n\r\n"), busy("HTTP/1.1 503 Busy\r\n\r\n"), ssh("SSH-2.0-OpenSSH_9.2p1\r\n"), mute(""),
      closed("", false);
  const auto found = find({check(Protocol::kHttp, good.port()), check(Protocol::kHttp, busy.port()),
                           check(Protocol::kHttp, ssh.port()), check(Protocol::kHttp, mute.port()),
                           check(Protocol::kHttp, closed.port()), check(Protocol::kTcpConnect, ssh.port()),
                           check(Protocol::kTcpConnect, closed.port())});
  const auto of = [&](Protocol protocol, const Listener& server) { return found.at(check(protocol, server.port())); };
  EXPECT_EQ(of(Protocol::kHttp, good).outcome, Outcome::kWell);
  EXPECT_EQ(of(Protocol::kHttp, good).why, "HTTP 204");
  EXPECT_EQ(of(Protocol::kHttp, busy).outcome, Outcome::kIll);
  EXPECT_EQ(of(Protocol::kHttp, busy).why, "HTTP 503");
  EXPECT_EQ(of(Protocol::kHttp, ssh).why, "what it says is no HTTP");
  EXPECT_EQ(of(Protocol::kHttp, mute).why, "it hung up without an answer");
  EXPECT_EQ(of(Protocol::kHttp, closed).outcome, Outcome::kIll);
  EXPECT_EQ(of(Protocol::kHttp, closed).why, "connection refused");
  EXPECT_EQ(of(Protocol::kTcpConnect, ssh).outcome, Outcome::kWell);
  EXPECT_EQ(of(Protocol::kTcpConnect, closed).outcome, Outcome::kIll);
}

TEST_F(CheckerTest, ManyAreAskedAndEqualOnesOnce) {
  Listener server("HTTP/1.1 200 OK\r\n\r\n");
  std::vector<Check> checks;
  for (int i = 0; i < 200; ++i) {
    checks.push_back(check(Protocol::kHttp, server.port()));
    checks.back().host = "host" + std::to_string(i);
  }
  auto twice = checks;
  twice.insert(twice.end(), checks.begin(), checks.end());
  net::Loop loop;
  std::size_t well = 0;
  Checker checker(loop, {std::chrono::seconds(60), std::chrono::seconds(10)}, [&](const Check&, Finding finding) {
    well += finding.outcome == Outcome::kWell;
    if (well == checks.size()) loop.stop();
  });
  checker.use(twice);
  loop.run();
  EXPECT_EQ(well, checks.size());
}

TEST_F(CheckerTest, ItEndsInTheMiddleOfChecks) {
  Listener closed("", false);
  for (int i = 0; i < 20; ++i) {
    net::Loop loop;
    Checker checker(loop, {std::chrono::milliseconds(50), std::chrono::milliseconds(50)}, [](const Check&, Finding) {});
    checker.use({check(Protocol::kTcpConnect, closed.port()), check(Protocol::kPing, 0)});
  }
}

}  // namespace
}  // namespace postern::gateway::health
