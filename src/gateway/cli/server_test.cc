// Client and daemon over a real socket.
#include "gateway/cli/server.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <future>
#include <thread>

#include "base/file.h"
#include "gateway/cli/channel.h"
#include "gateway/cli/client.h"
#include "gateway/cli/fake_operations.h"
#include "gateway/cli/wire.h"
#include "gateway/config/text.h"

namespace postern::gateway::cli {
namespace {

using testing::HasSubstr;

class CliServerTest : public testing::Test {
 protected:
  void SetUp() override {
    dir = std::filesystem::temp_directory_path() / ("postern-cli-" + std::to_string(getpid()));
    std::filesystem::create_directories(dir);
    path = cli_socket(dir);
    operations.endpoints = {walk_endpoint()};
    std::promise<Status> listening;
    thread = std::thread([&] {
      auto opened = CliServer::listen(loop, path, [&](const net::PeerCredentials& peer) {
        last_uid = peer.uid;
        return std::make_unique<CliSession>(*store, operations, random);
      });
      listening.set_value(opened ? Status() : Status(fail(opened.error())));
      if (!opened) return;
      auto server = std::move(*opened);
      loop.run();
    });
    const auto status = listening.get_future().get();
    ASSERT_TRUE(status) << status.error().message;
  }
  void TearDown() override {
    loop.stop();
    thread.join();
    std::filesystem::remove_all(dir);
  }
  int run(std::vector<std::string> args) {
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    const int status = cli_main(dir, args);
    out = testing::internal::GetCapturedStdout();
    error = testing::internal::GetCapturedStderr();
    return status;
  }

  std::filesystem::path dir;
  std::string path;
  net::Loop loop;
  std::unique_ptr<config::ConfigStore> store = config::ConfigStore::in_memory(config::gateway_schema());
  FakeOperations operations;
  SeededRandom random{3};
  uid_t last_uid = 12345;
  std::thread thread;
  std::string out, error;
};

TEST_F(CliServerTest, CommandsRunInOrderAndTheFirstFailureEndsThem) {
  EXPECT_EQ(run({"-c", "config system global", "-c", "set hostname gw7", "-c", "end", "-c", "show"}), 0) << error;
  EXPECT_EQ(out, "config system global\n    set hostname \"gw7\"\nend\n");
  EXPECT_EQ(last_uid, getuid());
  EXPECT_EQ(run({"-c", "show", "-c", "nonsense", "-c", "show"}), 1);
  EXPECT_EQ(out, "config system global\n    set hostname \"gw7\"\nend\n");
  EXPECT_THAT(error, HasSubstr("unknown command"));
  EXPECT_EQ(std::count(error.begin(), error.end(), '\n'), 1);
  EXPECT_EQ(run({"-c", "config system global\nset hostname gw8\nend"}), 0) << error;
  EXPECT_EQ(run({"-c", "diagnose endpoint ec-shm list"}), 0);
  EXPECT_THAT(out, HasSubstr("IP Address = 10.0.1.2\n"));
}

TEST_F(CliServerTest, WhatIsNotFinishedIsToldAndDropped) {
  EXPECT_EQ(run({"-c", "config system global", "-c", "set hostname gone"}), 1);
  EXPECT_THAT(error, HasSubstr("end is missing"));
  EXPECT_EQ(run({"-c", "show \"open"}), 1);
  EXPECT_THAT(error, HasSubstr("end of a quote"));
  EXPECT_EQ(run({"-c", "show"}), 0);
  EXPECT_EQ(out, "");
}

TEST_F(CliServerTest, UsageAndAMissingDaemonAreStatusTwo) {
  EXPECT_EQ(run({"--frobnicate"}), 2);
  EXPECT_EQ(run({"-c"}), 2);
  EXPECT_EQ(run({"-c", "show", "--runtime-dir", dir}), 0);
  EXPECT_EQ(run({"--socket", path + "x", "-c", "show"}), 2);
  EXPECT_EQ(run({"-c", "show", "--runtime-dir", dir / "nowhere"}), 2);
  EXPECT_THAT(error, HasSubstr("is the gateway running?"));
  EXPECT_EQ(run({"--help"}), 0);
}

TEST_F(CliServerTest, HelpComesOverTheSocket) {
  auto channel = Channel::connect(path);
  ASSERT_TRUE(channel);
  EXPECT_EQ((*channel)->ask({Request::Kind::kHello, ""})->reply.output, "");
  operations.parts.push_back({"REST API", PartHealth::State::kFailed, "port 8444 is taken"});
  EXPECT_EQ((*channel)->ask({Request::Kind::kHello, ""})->reply.output, "REST API: FAILED: port 8444 is taken\n");
  const auto help = (*channel)->ask({Request::Kind::kHelp, "diag endp "});
  ASSERT_TRUE(help);
  ASSERT_EQ(help->help.size(), 5u);
  EXPECT_EQ(help->help[0].word, "fctems");
  EXPECT_EQ(help->prompt, "machine # ");
}

TEST(CliWire, OnlyWhatIsMeantIsTaken) {
  EXPECT_FALSE(decode_request(""));
  EXPECT_FALSE(decode_request("[]"));
  EXPECT_FALSE(decode_request("{\"line\":1}"));
  EXPECT_EQ(decode_request(encode(Request{Request::Kind::kHelp, "a\"b\n"}))->text, "a\"b\n");
  Response r;
  r.reply = {"out", "err", true, true};
  r.help = {{"w", "h"}};
  r.prompt = "p";
  r.staged = true;
  const auto back = decode_response(encode(r));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->reply.output, "out");
  EXPECT_EQ(back->reply.error, "err");
  EXPECT_TRUE(back->reply.more && back->reply.bye && back->staged);
  EXPECT_EQ(back->help.at(0).help, "h");
}

}  // namespace
}  // namespace postern::gateway::cli
