#include "agent/forward/splice.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <future>
#include <string>
#include <thread>

namespace postern::agent {
namespace {

bool put(int fd, std::string_view text) {
  while (!text.empty()) {
    const auto n = ::write(fd, text.data(), text.size());
    if (n <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

std::string take_all(int fd) {
  std::string out;
  char buffer[4096];
  for (ssize_t n; (n = ::read(fd, buffer, sizeof buffer)) > 0;) out.append(buffer, static_cast<std::size_t>(n));
  return out;
}

class SpliceTest : public testing::Test {
 protected:
  SpliceTest() {
    ::signal(SIGPIPE, SIG_IGN);
    EXPECT_EQ(::pipe(in_), 0);
    EXPECT_EQ(::pipe(out_), 0);
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, socket_), 0);
    const int small = 4096;
    for (const int fd : socket_) ::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    result_ = std::async(std::launch::async, [this] { return splice(in_[0], out_[1], socket_[0]); });
  }
  ~SpliceTest() override {
    for (const int fd : {in_[0], out_[0], socket_[0]}) ::close(fd);
  }

  int in_[2], out_[2], socket_[2];
  std::future<bool> result_;
};

TEST_F(SpliceTest, WhoEchoesBeforeItReadsOnHoldsNothingUp) {
  std::thread echo([this] {
    char buffer[64 << 10];
    for (ssize_t n; (n = ::read(socket_[1], buffer, sizeof buffer)) > 0;) put(socket_[1], {buffer, static_cast<std::size_t>(n)});
    ::close(socket_[1]);
  });
  std::string sent;
  for (int i = 0; sent.size() < 2u << 20; ++i) sent += std::to_string(i) + "\n";
  std::thread writer([&] {
    put(in_[1], sent);
    ::close(in_[1]);
  });
  EXPECT_TRUE(take_all(out_[0]) == sent);
  EXPECT_TRUE(result_.get());
  writer.join();
  echo.join();
}

TEST_F(SpliceTest, TheOtherEndHearsOfTheEndAndMayGoOn) {
  put(in_[1], "question");
  ::close(in_[1]);
  EXPECT_EQ(take_all(socket_[1]), "question");
  put(socket_[1], "answer");
  ::close(socket_[1]);
  EXPECT_EQ(take_all(out_[0]), "answer");
  EXPECT_TRUE(result_.get());
}

TEST_F(SpliceTest, ItEndsWithTheOtherEndWhateverIsStillTyped) {
  put(socket_[1], "bye");
  ::close(socket_[1]);
  EXPECT_TRUE(result_.get());
  EXPECT_EQ(take_all(out_[0]), "bye");
  ::close(in_[1]);
}

TEST_F(SpliceTest, AResetIsToldFromAnEnd) {
  put(in_[1], "never read");
  char first;
  ASSERT_EQ(::recv(socket_[1], &first, 1, MSG_PEEK), 1);
  ::close(socket_[1]);  // with that in it
  EXPECT_FALSE(result_.get());
  ::close(out_[1]);
  ::close(in_[1]);
}

}  // namespace
}  // namespace postern::agent
