#include "agent/shell/local_server.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "agent/local_api/request.h"
#include "base/file.h"
#include "net/loop.h"

namespace postern::agent {
namespace {

/// Programs of this machine on one loop with the server; `until` ends a run, and nothing else does.
class LocalServerTest : public ::testing::Test {
 protected:
  struct Program {
    net::UnixConnectionPtr connection;
    std::vector<std::string> heard;
    bool closed = false;
  };

  void SetUp() override {
    char name[] = "/tmp/postern-local-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    dir_ = name;
  }
  void TearDown() override {
    server.reset();
    std::filesystem::remove_all(dir_);
  }
  std::string path() const { return (dir_ / kLocalSocket).string(); }
  void listen(LocalServer::Options options) {
    auto listening = LocalServer::listen(
        loop, path(), std::move(options),
        [this](const net::PeerCredentials& peer, const std::string& message, LocalServer::Answer answer) {
          peers.push_back(peer.uid);
          if (message == "later") return waiting.push_back(std::move(answer));
          answer("answer to " + message);
        });
    ASSERT_TRUE(listening) << listening.error().message;
    server = std::move(*listening);
  }
  std::shared_ptr<Program> program() {
    auto out = std::make_shared<Program>();
    auto connection = net::connect_unix(loop, path());
    EXPECT_TRUE(connection);
    out->connection = *connection;
    out->connection->on_message = [raw = out.get()](std::string message) { raw->heard.push_back(std::move(message)); };
    out->connection->on_close = [raw = out.get()] { raw->closed = true; };
    programs_.push_back(out);
    return out;
  }
  void until(std::function<bool()> done) {
    const auto look = loop.every(std::chrono::microseconds(100), [&] {
      if (done()) loop.stop();
    });
    loop.run();
  }

  net::Loop loop;
  std::unique_ptr<LocalServer> server;
  std::vector<uid_t> peers;
  std::vector<LocalServer::Answer> waiting;

 private:
  std::filesystem::path dir_;
  std::vector<std::shared_ptr<Program>> programs_;
};

TEST_F(LocalServerTest, OneTooManyIsToldSoAndOneThatEndsMakesRoom) {
  listen({.limits = {.per_user = 2, .all_users = 10, .exempt = {}}});
  const auto first = program(), second = program();
  until([&] { return server->clients() == 2; });
  const auto third = program();
  until([&] { return third->closed; });
  ASSERT_EQ(third->heard.size(), 1u);
  EXPECT_EQ(parse_local_answer(third->heard[0]).error().code, ErrorCode::kResourceExhausted);
  // Those that were there are still served.
  second->connection->send("status");
  until([&] { return !second->heard.empty(); });
  EXPECT_EQ(second->heard[0], "answer to status");
  EXPECT_EQ(peers, std::vector<uid_t>{::geteuid()});

  first->connection->close();
  until([&] { return server->clients() == 1; });
  const auto fourth = program();
  fourth->connection->send("status");
  until([&] { return !fourth->heard.empty(); });
  EXPECT_EQ(fourth->heard[0], "answer to status");
}

TEST_F(LocalServerTest, TheExemptAlwaysHaveRoom) {
  listen({.limits = {.per_user = 0, .all_users = 0, .exempt = {::geteuid()}}});
  for (int i = 0; i < 20; ++i) program();
  until([&] { return server->clients() == 20; });
}

TEST_F(LocalServerTest, WhoAsksNothingIsNotKept) {
  listen({.limits = {}, .idle = std::chrono::milliseconds(5)});
  const auto silent = program();
  until([&] { return silent->closed; });
  EXPECT_TRUE(silent->heard.empty());
  EXPECT_EQ(server->clients(), 0u);
}

TEST_F(LocalServerTest, ARequestThatTakesLongIsNotIdle) {
  listen({.limits = {}, .idle = std::chrono::milliseconds(5)});
  const auto patient = program();
  patient->connection->send("later");
  until([&] { return waiting.size() == 1; });
  const auto silent = program();  // whose time begins later and runs out
  until([&] { return silent->closed; });
  EXPECT_FALSE(patient->closed);
  waiting[0]("done");
  until([&] { return patient->closed; });  // now it is
  EXPECT_EQ(patient->heard, std::vector<std::string>{"done"});
}

TEST_F(LocalServerTest, OneRequestAtATime) {
  listen({});
  const auto eager = program();
  eager->connection->send("later");
  eager->connection->send("status");
  until([&] { return eager->closed; });
  EXPECT_EQ(peers.size(), 1u);
  ASSERT_EQ(waiting.size(), 1u);
  waiting[0]("too late");  // nobody is there to hear it
  EXPECT_TRUE(eager->heard.empty());
}

TEST_F(LocalServerTest, ATurnedAwayCommandLineStillHearsWhy) {
  listen({.limits = {.per_user = 0, .all_users = 10, .exempt = {}}});
  Result<std::string> reply = fail(ErrorCode::kInternal, "not asked");
  bool done = false;
  loop.offload([&] { reply = net::unix_call(path(), std::string(200'000, 'x'), std::chrono::seconds(60), "waits"); },
               [&] { done = true; });
  until([&] { return done; });
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(parse_local_answer(*reply).error().code, ErrorCode::kResourceExhausted);
}

}  // namespace
}  // namespace postern::agent
