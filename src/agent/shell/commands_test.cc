// What the commands do with an agent that stands still. No time passes here.
#include "agent/shell/commands.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <filesystem>
#include <optional>
#include <vector>

#include "agent/core/agent_core.h"
#include "agent/local_api/request.h"
#include "base/sha256.h"
#include "net/patience_lab.h"
#include "proto/invitation.h"

namespace postern::agent {
namespace {

using std::chrono::seconds;

/// Listens and, like a process that was stopped, does nothing else.
class StoppedAgent : public testing::Test {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/postern-agent-XXXXXX";
    dir = mkdtemp(pattern);
    const auto path = (dir / kLocalSocket).string();
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    listener.emplace(path);
  }
  void TearDown() override {
    listener.reset();
    std::filesystem::remove_all(dir);
  }
  template <class Command>
  int run(Command command) {
    testing::internal::CaptureStderr();
    const int status = command();
    error = testing::internal::GetCapturedStderr();
    return status;
  }
  bool told(const std::string& text) const { return error.find(text) != std::string::npos; }

  std::filesystem::path dir;
  sockaddr_un address{};
  std::string error;
  std::optional<net::StillListener> listener;
  net::CountedPatience patience;
};

TEST_F(StoppedAgent, IsToldAfterAWhileAndThenGivenUp) {
  EXPECT_EQ(run([&] { return status_command(dir, false, patience); }), 2);
  ASSERT_EQ(patience.said.size(), 1u);
  EXPECT_EQ(patience.said[0], "postern-agent: the agent has not answered for 5 seconds; waiting for 10 more");
  EXPECT_EQ(patience.waited, net::kSilenceEnds);
  EXPECT_TRUE(told("has not answered for 15 seconds: its process stands still or is stuck")) << error;
  EXPECT_TRUE(told("kill -CONT")) << error;
  EXPECT_FALSE(told("Whether it has carried this out")) << error;
}

TEST_F(StoppedAgent, ThatWasAskedToChangeSomethingMayHaveDoneSo) {
  EXPECT_EQ(run([&] { return deregister_command(dir, false, patience); }), 2);
  EXPECT_EQ(patience.waited, AgentCore::kLeavePatience + net::kSilenceEnds);
  EXPECT_TRUE(told("Whether it has carried this out is not known")) << error;
}

TEST_F(StoppedAgent, ThatLetsNobodyInIsGivenUpToo) {
  std::vector<int> queue;
  for (;;) {
    queue.push_back(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (connect(queue.back(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) break;
    ASSERT_LT(queue.size(), 100u);
  }
  EXPECT_EQ(run([&] { return status_command(dir, true, patience); }), 2);
  EXPECT_EQ(patience.waited, net::kSilenceEnds);
  EXPECT_EQ(patience.said.size(), 1u);
  EXPECT_TRUE(told("stands still")) << error;
  for (const int fd : queue) close(fd);
}

TEST_F(StoppedAgent, HasTheTimeThatASlowEmsMayTakeIt) {
  const auto enrol = [&](std::vector<std::string> addresses) {
    const auto invitation = proto::print_invitation({std::move(addresses), "ABCDEFGH23456789", sha256("key")});
    patience = {};
    EXPECT_EQ(run([&] { return enrol_command(dir, invitation, patience); }), 2);
    EXPECT_EQ(patience.said.size(), 1u);
    EXPECT_TRUE(told("stands still")) << error;
    return patience.waited;
  };
  EXPECT_EQ(enrol({"ems.example:8013"}), seconds(40 + 10 + 15));
  EXPECT_NE(patience.said[0].find("waiting for 60 more at most"), std::string::npos) << patience.said[0];
  EXPECT_EQ(enrol({"ems.example:8013", "10.0.2.10:8013"}), seconds(80 + 10 + 15));
}

}  // namespace
}  // namespace postern::agent
