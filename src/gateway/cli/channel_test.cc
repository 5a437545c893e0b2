// What the client does with a gateway that stands still, and with one that takes its time. No time passes here.
#include "gateway/cli/channel.h"

#include <gmock/gmock.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <functional>
#include <future>
#include <optional>
#include <thread>

#include "gateway/cli/client.h"
#include "gateway/cli/fake_operations.h"
#include "gateway/cli/server.h"
#include "gateway/config/editor.h"
#include "gateway/config/text.h"
#include "net/patience_lab.h"

namespace postern::gateway::cli {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;

/// Listens and, like a process that was stopped, does nothing else.
class StoppedGateway : public testing::Test {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/postern-cli-XXXXXX";
    dir = mkdtemp(pattern);
    path = cli_socket(dir);
    listener.emplace(path);
  }
  void TearDown() override {
    listener.reset();
    std::filesystem::remove_all(dir);
  }
  int run(const std::vector<std::string>& args) {
    testing::internal::CaptureStderr();
    const int status = cli_main(dir, args, patience);
    error = testing::internal::GetCapturedStderr();
    return status;
  }

  std::filesystem::path dir;
  std::string path, error;
  std::optional<net::StillListener> listener;
  net::CountedPatience patience;
};

TEST_F(StoppedGateway, IsToldAfterAWhileAndThenGivenUp) {
  EXPECT_EQ(run({"-c", "show", "-c", "show"}), 2);
  EXPECT_THAT(patience.said, ElementsAre("the gateway has not answered for 5 seconds; waiting for 10 more"));
  EXPECT_EQ(patience.waited, kSilenceEnds);
  EXPECT_THAT(error, HasSubstr("has not answered for 15 seconds: its process stands still or is stuck"));
  EXPECT_THAT(error, HasSubstr("kill -CONT"));
  EXPECT_THAT(error, HasSubstr("Whether it has carried out the command is not known"));
}

TEST_F(StoppedGateway, ThatFetchesNothingIsGivenUpToo) {
  EXPECT_EQ(run({"-c", std::string(8u << 20, 'x')}), 2);
  EXPECT_THAT(error, HasSubstr("stands still"));
}

TEST_F(StoppedGateway, ThatLetsNobodyInIsGivenUpToo) {
  std::vector<std::unique_ptr<Channel>> queue;
  for (;;) {
    auto channel = Channel::connect(path, patience);
    if (!channel) {
      EXPECT_EQ(channel.error().code, ErrorCode::kDeadlineExceeded) << channel.error().message;
      break;
    }
    queue.push_back(std::move(*channel));
    ASSERT_LT(queue.size(), 100u);
  }
  EXPECT_EQ(patience.waited, kSilenceEnds);
  EXPECT_EQ(patience.said.size(), 1u);
}

TEST_F(StoppedGateway, AChannelThatWasGivenUpTakesNoLateAnswerForAnother) {
  auto channel = Channel::connect(path, patience);
  ASSERT_TRUE(channel);
  EXPECT_FALSE((*channel)->ask({Request::Kind::kLine, "show"}));
  const int fd = accept(listener->fd(), nullptr, nullptr);
  ASSERT_GE(fd, 0) << errno_text(errno);
  Response late;
  late.reply.output = "late";
  const std::string body = encode(late), head{static_cast<char>(body.size()), 0, 0, 0};
  ASSERT_LT(body.size(), 128u);
  EXPECT_EQ(send(fd, (head + body).data(), 4 + body.size(), MSG_NOSIGNAL), static_cast<ssize_t>(4 + body.size()));
  const auto next = (*channel)->ask({Request::Kind::kHelp, ""});
  ASSERT_FALSE(next);
  EXPECT_EQ(next.error().code, ErrorCode::kDeadlineExceeded);
  close(fd);
}

TEST_F(StoppedGateway, ACommandThatIsWorkedOnForEverEnds) {
  auto channel = Channel::connect(path, patience);
  ASSERT_TRUE(channel);
  const int fd = accept(listener->fd(), nullptr, nullptr);
  ASSERT_GE(fd, 0) << errno_text(errno);
  Response working;
  working.working = true;
  const std::string body = encode(working), head{static_cast<char>(body.size()), 0, 0, 0};
  ASSERT_LT(body.size(), 128u);
  std::string all;
  for (std::chrono::seconds at{0}; at < kLongestCommand; at += kWorkingEvery) all += head + body;
  ASSERT_EQ(send(fd, all.data(), all.size(), MSG_NOSIGNAL), static_cast<ssize_t>(all.size())) << errno_text(errno);
  const auto response = (*channel)->ask({Request::Kind::kLine, "diagnose endpoint fctems test-connectivity 1"});
  ASSERT_FALSE(response);
  EXPECT_THAT(response.error().message, HasSubstr("has worked on this command for 10 minutes"));
  EXPECT_THAT(patience.said, ElementsAre("the gateway is still working on this command"));
  EXPECT_EQ(patience.waited, milliseconds(0));
  close(fd);
}

/// Waits as long as it takes, and calls back what was said.
class AllPatience final : public Patience {
 public:
  bool ready(int fd, short events, milliseconds) override {
    pollfd what{fd, events, 0};
    return poll(&what, 1, -1) > 0;
  }
  void say(const std::string& text) override { on_say(text); }
  std::function<void(const std::string&)> on_say = [](const std::string&) {};
};

TEST(SlowCommand, IsWaitedForAndSaidToBeWorkedOn) {
  char pattern[] = "/tmp/postern-cli-XXXXXX";
  const std::filesystem::path dir = mkdtemp(pattern);
  const auto store = config::ConfigStore::in_memory(config::gateway_schema());
  auto t = store->begin();
  ASSERT_TRUE(config::apply_text(t, "config endpoint-control fctems\nedit 1\nset server ems.test\nend\n"));
  ASSERT_TRUE(store->commit(t));
  FakeOperations operations;
  SeededRandom random{3};
  net::Loop loop;
  std::promise<bool> listening;
  std::thread gateway([&] {
    auto server = CliServer::listen(
        loop, cli_socket(dir),
        [&](const net::PeerCredentials&) { return std::make_unique<CliSession>(*store, operations, random); }, 0600,
        milliseconds(1));
    listening.set_value(server.has_value());
    if (server) loop.run();
  });
  ASSERT_TRUE(listening.get_future().get());
  AllPatience patience;
  std::vector<std::string> said;
  patience.on_say = [&](const std::string& text) {
    said.push_back(text);
    loop.post([&] { operations.waiting.at(0)({}); });  // and then the EMS answers
  };
  {
    auto channel = Channel::connect(cli_socket(dir), patience);
    ASSERT_TRUE(channel);
    const auto response = (*channel)->ask({Request::Kind::kLine, "diagnose endpoint fctems test-connectivity 1"});
    ASSERT_TRUE(response) << response.error().message;
    EXPECT_EQ(response->reply.output, "Connection test was successful.\n");
    EXPECT_THAT(said, ElementsAre("the gateway is still working on this command"));
    // What is answered at once is answered once.
    for (int i = 0; i < 3; ++i) {
      const auto quick = (*channel)->ask({Request::Kind::kLine, "get system status"});
      ASSERT_TRUE(quick);
      EXPECT_THAT(quick->reply.output, HasSubstr("PGW0000000000001"));
    }
  }
  loop.stop();
  gateway.join();
  std::filesystem::remove_all(dir);
}

}  // namespace
}  // namespace postern::gateway::cli
