#include "gateway/health/checker.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <map>
#include <string>
#include <thread>

#include "gateway/ztna/loopback_lab.h"

namespace postern::gateway::health {
namespace {

using Outcome = Finding::Outcome;

/// Answers each connection with these bytes and hangs up.
class Answering {
 public:
  explicit Answering(std::string answer)
      : thread_([this, answer = std::move(answer)] {
          for (int connection; (connection = listener_.accept()) >= 0; close(connection)) {
            char request[1024];
            if (recv(connection, request, sizeof request, 0) <= 0) continue;
            if (send(connection, answer.data(), answer.size(), MSG_NOSIGNAL) < 0) continue;
          }
        }) {}
  ~Answering() {
    listener_.stop();
    thread_.join();
  }
  std::uint16_t port() const { return listener_.port(); }

 private:
  LoopbackListener listener_;
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
  Answering good("HTTP/1.1 204 No Content\r\n\r\n"), busy("HTTP/1.1 503 Busy\r\n\r\n"),
      wait("HTTP/1.1 100 Continue\r\n\r\n"), ssh("SSH-2.0-OpenSSH_9.2p1\r\n"), mute("");
  const auto closed = free_port();
  const auto found = find({check(Protocol::kHttp, good.port()), check(Protocol::kHttp, busy.port()),
                           check(Protocol::kHttp, wait.port()),
                           check(Protocol::kHttp, ssh.port()), check(Protocol::kHttp, mute.port()),
                           check(Protocol::kHttp, closed), check(Protocol::kTcpConnect, ssh.port()),
                           check(Protocol::kTcpConnect, closed)});
  const auto at = [&](Protocol protocol, std::uint16_t port) { return found.at(check(protocol, port)); };
  const auto of = [&](Protocol protocol, const Answering& server) { return at(protocol, server.port()); };
  EXPECT_EQ(of(Protocol::kHttp, good).outcome, Outcome::kWell);
  EXPECT_EQ(of(Protocol::kHttp, good).why, "HTTP 204");
  EXPECT_EQ(of(Protocol::kHttp, busy).outcome, Outcome::kIll);
  EXPECT_EQ(of(Protocol::kHttp, busy).why, "HTTP 503");
  EXPECT_EQ(of(Protocol::kHttp, wait).outcome, Outcome::kIll);
  EXPECT_EQ(of(Protocol::kHttp, wait).why, "HTTP 100, which is no answer yet");
  EXPECT_EQ(of(Protocol::kHttp, ssh).why, "what it says is no HTTP");
  EXPECT_EQ(of(Protocol::kHttp, mute).why, "it hung up without an answer");
  EXPECT_EQ(at(Protocol::kHttp, closed).outcome, Outcome::kIll);
  EXPECT_EQ(at(Protocol::kHttp, closed).why, "connection refused");
  EXPECT_EQ(of(Protocol::kTcpConnect, ssh).outcome, Outcome::kWell);
  EXPECT_EQ(at(Protocol::kTcpConnect, closed).outcome, Outcome::kIll);
}

TEST_F(CheckerTest, ManyAreAskedAndEqualOnesOnce) {
  Answering server("HTTP/1.1 200 OK\r\n\r\n");
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
  const auto closed = free_port();
  for (int i = 0; i < 20; ++i) {
    net::Loop loop;
    Checker checker(loop, {std::chrono::milliseconds(50), std::chrono::milliseconds(50)}, [](const Check&, Finding) {});
    checker.use({check(Protocol::kTcpConnect, closed), check(Protocol::kPing, 0)});
  }
}

}  // namespace
}  // namespace postern::gateway::health
