// The interactive command line on a pseudo-terminal, as a person types at it.
#include "gateway/cli/terminal.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>

#include "gateway/cli/channel.h"
#include "gateway/cli/client.h"
#include "gateway/cli/fake_operations.h"
#include "gateway/cli/server.h"
#include "gateway/cli/wire.h"

namespace postern::gateway::cli {
namespace {

using testing::HasSubstr;

class TerminalTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/postern-terminal-XXXXXX";
    dir_ = mkdtemp(name);
    auto t = store_->begin();
    ASSERT_TRUE(t.edit({{"endpoint-control fctems", "1"}}));
    ASSERT_TRUE(t.set({{"endpoint-control fctems", "1"}}, "server", {"ems.example"}));
    ASSERT_TRUE(store_->commit(t));
    auto opened = CliServer::listen(loop_, cli_socket(dir_), [this](const net::PeerCredentials&) {
      return std::make_unique<CliSession>(*store_, operations_, random_);
    });
    ASSERT_TRUE(opened) << opened.error().message;
    server_ = std::move(*opened);
    winsize size{};
    size.ws_row = 12;
    size.ws_col = 80;
    child_ = forkpty(&master_, nullptr, nullptr, &size);
    ASSERT_GE(child_, 0);
    if (child_ == 0) {
      setenv("TERM", "dumb", 1);
      const int status = cli_main(dir_, {});
      std::fflush(stdout);
      _exit(status);
    }
    ASSERT_EQ(fcntl(master_, F_SETFL, O_NONBLOCK), 0);
  }
  void TearDown() override {
    if (child_ > 0 && !ended_) {
      kill(child_, SIGKILL);
      waitpid(child_, nullptr, 0);
    }
    if (master_ >= 0) close(master_);
    std::filesystem::remove_all(dir_);
  }

  void type(std::string_view text) {
    screen_.clear();
    ASSERT_EQ(write(master_, text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  /// Serves until the screen shows `text` since the last typing; what it shows.
  std::string shows(std::string_view text) {
    run_until([&] { return screen_.find(text) != screen_.npos; });
    EXPECT_THAT(screen_, HasSubstr(std::string(text)));
    return screen_;
  }
  /// The exit status, once the program has ended.
  int ends() {
    run_until([&] { return ended_; });
    return ended_ && WIFEXITED(status_) ? WEXITSTATUS(status_) : -1;
  }

  void run_until(const std::function<bool()>& done) {
    const auto look = loop_.every(std::chrono::milliseconds(1), [&] {
      char buffer[4096];
      for (ssize_t n; (n = read(master_, buffer, sizeof buffer)) > 0;)
        screen_.append(buffer, static_cast<std::size_t>(n));
      if (!ended_ && waitpid(child_, &status_, WNOHANG) == child_) ended_ = true;
      if (done() || ended_) loop_.stop();
    });
    const auto guard = loop_.after(std::chrono::seconds(30), [&] { loop_.stop(); });
    loop_.run();
  }

  FakeOperations operations_;
  std::unique_ptr<config::ConfigStore> store_ = config::ConfigStore::in_memory(config::gateway_schema());
  std::filesystem::path dir_;
  net::Loop loop_;
  SeededRandom random_{5};
  std::unique_ptr<CliServer> server_;
  int master_ = -1;
  pid_t child_ = -1;
  int status_ = 0;
  bool ended_ = false;
  std::string screen_;
};

TEST_F(TerminalTest, PromptsHelpsAndCompletes) {
  shows("machine # ");
  type("diagnose endp?");
  EXPECT_THAT(shows("machine # diagnose endp"), HasSubstr("endpoint  Endpoints and the servers that know them."));
  // What can only be one word is completed, a blank included; what is several is listed.
  type("\t");
  shows("oint ");
  type("r\t");
  shows("ecord ");
  type("list 10.0.1.77\r");
  shows("No EMS has told this gateway of such an endpoint.");
  shows("machine # ");
  type("config system gl\t\r");
  shows("(global) # ");
  type("set hostname \"a?\"\r");  // inside quotes it is a character
  shows("(global) # ");
  type("abort\r");
  shows("machine # ");
  type("frobnicate\r");
  shows("unknown command \"frobnicate\"");
  type("exit\r");
  EXPECT_EQ(ends(), 0);
}

TEST_F(TerminalTest, AQuestionStandsWhereThePromptDoes) {
  shows("machine # ");
  type("execute fctems verify 1\r");
  run_until([&] { return !operations_.presenting.empty(); });
  ASSERT_FALSE(operations_.presenting.empty());
  PresentedCertificate shown;
  shown.subject = "CN=ems";
  operations_.presenting.at(0)(shown);
  EXPECT_THAT(shows("Trust this certificate as that of EMS 1? (y/n) "), HasSubstr("Subject: CN=ems\r\n"));
  type("n\r");
  EXPECT_THAT(shows("nothing has changed"), testing::Not(HasSubstr("accepted: ")));
  EXPECT_THAT(shows("machine # "), HasSubstr("\r\n"));
  EXPECT_TRUE(operations_.accepted.empty());
  type("\x1b[A");  // the answer is not in the history, the command is
  shows("execute fctems verify 1");
  type("\x03");
  shows("machine # ");
  type("exit\r");
  EXPECT_EQ(ends(), 0);
}

TEST_F(TerminalTest, CtrlCGivesUpTheLineAndCtrlDTheSession) {
  shows("machine # ");
  type("config system nonsen");
  shows("nonsen");
  type("\x03");
  shows("machine # ");
  type("show endpoint-control fctems\r");  // the line given up is no part of it
  EXPECT_THAT(shows("set server \"ems.example\""), testing::Not(HasSubstr("unknown")));
  type("\x04");
  EXPECT_EQ(ends(), 0);
}

TEST_F(TerminalTest, LongOutputStopsAtEachPage) {
  shows("machine # ");
  type("show full-configuration system global\r");
  shows("machine # ");
  type("show full-configuration\r");
  EXPECT_THAT(shows("--More-- "), testing::Not(HasSubstr("machine # ")));
  type(" ");
  shows("--More-- ");
  // A larger screen takes more.
  winsize size{};
  size.ws_row = 500;
  size.ws_col = 80;
  ASSERT_EQ(ioctl(master_, TIOCSWINSZ, &size), 0);
  type(" ");
  EXPECT_THAT(shows("machine # "), testing::Not(HasSubstr("--More--")));
  size.ws_row = 12;
  ASSERT_EQ(ioctl(master_, TIOCSWINSZ, &size), 0);
  for (const char* leave : {"q", "\x03"}) {
    type("show full-configuration\r");
    shows("--More-- ");
    type(leave);
    shows("machine # ");
  }
  type("config system console\rset output standard\rend\r");
  shows("(console) # ");
  run_until([&] { return store_->current()->single("system console").text("output") == "standard"; });
  type("show full-configuration\r");
  EXPECT_THAT(shows("machine # "), testing::Not(HasSubstr("--More--")));
  type("exit\r");
  EXPECT_EQ(ends(), 0);
}

TEST_F(TerminalTest, CtrlCGivesUpACommandThatRuns) {
  shows("machine # ");
  type("execute fctems verify 1\r");
  run_until([&] { return !operations_.presenting.empty(); });
  type("\x03");
  EXPECT_THAT(shows("machine # "), HasSubstr("given up; what it had begun may still take effect"));
  // What the EMS says now is nobody's any more.
  operations_.presenting.at(0)(PresentedCertificate{});
  type("get system status\r");
  EXPECT_THAT(shows("Live sessions"), testing::Not(HasSubstr("Trust this")));
  shows("machine # ");
  // A question is given up with its line, and so is a quote.
  type("execute fctems verify 1\r");
  run_until([&] { return operations_.presenting.size() == 2; });
  operations_.presenting.at(1)(PresentedCertificate{});
  shows("(y/n) ");
  type("\x03");
  shows("machine # ");
  type("show \"open\r");
  shows("> ");
  type("\x03");
  shows("machine # ");
  EXPECT_TRUE(operations_.accepted.empty());
  type("exit\r");
  EXPECT_EQ(ends(), 0);
}

TEST_F(TerminalTest, TheHistoryHoldsNoSecrets) {
  shows("machine # ");
  type("config system admin\r");
  shows("(admin) # ");
  type("edit eve\r");
  shows("(eve) # ");
  type("set password \"correct horse\"\r");
  shows("(eve) # ");
  type("\x1b[A");
  EXPECT_THAT(shows("edit eve"), testing::Not(HasSubstr("horse")));
  type("\x1b[A");
  shows("config system admin");
  type("\x03");
  shows("(eve) # ");
  type("abort\rexit\r");
  EXPECT_EQ(ends(), 0);
}

TEST_F(TerminalTest, CtrlDWarnsOfWhatIsStaged) {
  shows("machine # ");
  type("config system global\r");
  shows("(global) # ");
  type("set hostname other\r");
  shows("(global) # ");
  type("\x04");
  EXPECT_THAT(shows("Ctrl-D"), HasSubstr("is staged and would be lost"));
  shows("(global) # ");
  type("show\r");
  EXPECT_THAT(shows("(global) # "), HasSubstr("hostname \"other\""));
  type("\x04");
  shows("Ctrl-D");
  shows("(global) # ");
  type("\x04");
  EXPECT_EQ(ends(), 0);
  EXPECT_EQ(store_->current()->single("system global").text("hostname"), "");
}

TEST_F(TerminalTest, AGatewayThatGoesIsToldAtThePrompt) {
  termios before{}, after{};
  ASSERT_EQ(tcgetattr(master_, &before), 0);
  shows("machine # ");
  server_.reset();
  EXPECT_THAT(shows("the gateway closed the connection (did it stop?)"), HasSubstr("\r\n"));
  EXPECT_EQ(ends(), 2);
  ASSERT_EQ(tcgetattr(master_, &after), 0);
  EXPECT_EQ(after.c_lflag, before.c_lflag);
}

TEST_F(TerminalTest, ASignalLeavesTheTerminalAsItWas) {
  termios before{}, after{};
  ASSERT_EQ(tcgetattr(master_, &before), 0);
  shows("machine # ");
  ASSERT_EQ(kill(child_, SIGTERM), 0);
  ends();
  EXPECT_TRUE(WIFSIGNALED(status_) && WTERMSIG(status_) == SIGTERM);
  ASSERT_EQ(tcgetattr(master_, &after), 0);
  EXPECT_EQ(after.c_lflag, before.c_lflag);
  EXPECT_EQ(after.c_iflag, before.c_iflag);
}

TEST_F(TerminalTest, OtherAlphabetsAreTypedAndCompleted) {
  shows("machine # ");
  type("config firewall vip\r");
  shows("(vip) # ");
  type("edit \"t\xc3\xbcr 1\"\r");
  shows("(t\xc3\xbcr 1) # ");
  type("next\r");
  shows("(vip) # ");
  type("delete t\t");
  shows("\"t\xc3\xbcr 1\" ");
  type("\x03");
  shows("(vip) # ");
  type("abort\rexit\r");
  EXPECT_EQ(ends(), 0);
}

}  // namespace
}  // namespace postern::gateway::cli
