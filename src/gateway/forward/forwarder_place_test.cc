#include "gateway/forward/forwarder_place.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "base/file.h"
#include "gateway/forward/forwarder_log.h"
#include "gateway/forward/forwarder_process.h"

namespace postern::gateway {
namespace {

namespace fs = std::filesystem;

int listening_at(const fs::path& path) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  EXPECT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  EXPECT_EQ(::listen(fd, 8), 0);
  return fd;
}

/// A process that listens, by the name that it is given.
class ListeningProcess {
 public:
  ListeningProcess(const fs::path& socket, const char* name, bool recorded) {
    int ready[2];
    EXPECT_EQ(::pipe(ready), 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::prctl(PR_SET_NAME, name);
      if (recorded) (void)write_forwarder_record(socket.parent_path());
      listening_at(socket);
      ::signal(SIGTERM, SIG_DFL);
      if (::write(ready[1], "1", 1) != 1) ::_exit(1);
      for (;;) ::pause();
    }
    char byte = 0;
    EXPECT_EQ(::read(ready[0], &byte, 1), 1);
    ::close(ready[0]);
    ::close(ready[1]);
  }
  ~ListeningProcess() {
    if (!lives()) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  bool lives() {
    if (pid_ > 0 && ::waitpid(pid_, nullptr, WNOHANG) != 0) pid_ = 0;
    return pid_ > 0;
  }
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = 0;
};

class ForwarderPlaceTest : public testing::Test {
 protected:
  ForwarderPlaceTest() {
    char name[] = "/tmp/forwarder-XXXXXX";
    directory_ = ::mkdtemp(name);
    folder_ = directory_ / "tcp";
    socket_ = folder_ / "tcp.sock";
    EXPECT_TRUE(make_forwarder_folder(folder_, us_));
  }
  ~ForwarderPlaceTest() override { fs::remove_all(directory_); }
  bool found(uid_t user = ::geteuid()) {
    const auto pidfd = find_forwarder(socket_, user);
    if (pidfd) ::close(*pidfd);
    return bool(pidfd);
  }
  /// What a gateway does that has no need of a forwarder: ends the one before, if it is there.
  void stop() {
    net::Loop loop;
    ForwarderProcess::Options options;
    options.socket = socket_;
    options.log = folder_ / "tcp.log";
    ForwarderProcess(loop, options).stop();
  }
  const ProcessUser us_{::geteuid(), ::getegid()};
  fs::path directory_, folder_, socket_;
};

TEST_F(ForwarderPlaceTest, TheForwarderIsFoundAndEnded) {
  EXPECT_FALSE(found());
  ListeningProcess forwarder(socket_, kForwarderName, true);
  EXPECT_TRUE(found());
  EXPECT_FALSE(found(us_.uid + 1));  // another user than nginx's listens
  stop();
  EXPECT_FALSE(forwarder.lives());
  EXPECT_FALSE(fs::exists(socket_));
}

// One that hangs takes nobody in, and clients went on coming: nothing could take its place before it is ended.
TEST_F(ForwarderPlaceTest, OneAtWhichNobodyCanConnectAnyMoreIsFoundAndEnded) {
  ListeningProcess forwarder(socket_, kForwarderName, true);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, socket_.c_str(), sizeof address.sun_path - 1);
  std::vector<int> waiting;
  int why = 0;
  while (why == 0 && waiting.size() < 1000) {
    waiting.push_back(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (::connect(waiting.back(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) why = errno;
  }
  EXPECT_EQ(why, EAGAIN);
  EXPECT_TRUE(found());
  EXPECT_FALSE(found(us_.uid + 1));
  const auto self = record_of_process(forwarder.pid());
  ASSERT_TRUE(self);
  ASSERT_TRUE(write_file_atomic(folder_ / "forwarder.pid", std::to_string(self->pid) + " " + std::to_string(self->start + 1) + "\n"));
  EXPECT_FALSE(found()) << "another process had its number";
  ASSERT_TRUE(write_file_atomic(folder_ / "forwarder.pid", std::to_string(self->pid) + " " + std::to_string(self->start) + "\n"));
  stop();
  EXPECT_FALSE(forwarder.lives());
  for (const int fd : waiting) ::close(fd);
}

TEST_F(ForwarderPlaceTest, NoOtherProcessIsTakenForItNorEnded) {
  const auto spared = [&](ListeningProcess& victim) {
    const bool none = !found();
    stop();
    return none && victim.lives();
  };
  {
    ListeningProcess victim(socket_, "victim", true);
    EXPECT_TRUE(spared(victim));
  }
  fs::remove(socket_);
  {
    fs::remove(folder_ / "forwarder.pid");
    ListeningProcess victim(socket_, kForwarderName, false);
    EXPECT_TRUE(spared(victim));  // nobody started it
    const auto self = record_of_process(victim.pid());
    ASSERT_TRUE(self);
    const auto record = [&](pid_t pid, std::uint64_t start) {
      ASSERT_TRUE(write_file_atomic(folder_ / "forwarder.pid", std::to_string(pid) + " " + std::to_string(start) + "\n"));
    };
    record(self->pid, self->start + 1);  // another process had its number
    EXPECT_TRUE(spared(victim));
    record(::getpid(), self->start);
    EXPECT_TRUE(spared(victim));
    record(self->pid, self->start);
    EXPECT_TRUE(found());
    ASSERT_EQ(::chmod(folder_.c_str(), 0770), 0);  // others may have put all of this there
    EXPECT_TRUE(spared(victim));
    ASSERT_EQ(::chmod(folder_.c_str(), 0710), 0);
    fs::rename(socket_, directory_ / "victim.sock");
    fs::create_symlink(directory_ / "victim.sock", socket_);
    EXPECT_TRUE(spared(victim));
  }
}

TEST_F(ForwarderPlaceTest, AFolderOfOthersIsNotUsed) {
  EXPECT_EQ(fs::status(folder_).permissions(), fs::perms(0710));
  fs::rename(folder_, directory_ / "real");
  fs::create_directory_symlink(directory_ / "real", folder_);
  EXPECT_FALSE(make_forwarder_folder(folder_, us_));
  fs::remove(folder_);
  ASSERT_EQ(::mkdir(folder_.c_str(), 0700), 0);
  if (::geteuid() != 0) return;
  ASSERT_EQ(::chown(folder_.c_str(), 65534, 65534), 0);
  EXPECT_FALSE(make_forwarder_folder(folder_, us_));
}

TEST_F(ForwarderPlaceTest, TheLogIsARegularFileOfOursOrNoneAndOpeningItNeverWaits) {
  const auto path = folder_ / "tcp.log";
  const auto opens = [&] {
    const auto fd = open_forwarder_log(path, 10);
    if (fd) ::close(*fd);
    return bool(fd);
  };
  EXPECT_TRUE(opens());
  ASSERT_TRUE(write_file_atomic(path, "0123456789"));
  EXPECT_TRUE(opens());
  EXPECT_EQ(fs::file_size(path), 10u);
  ASSERT_TRUE(write_file_atomic(path, "0123456789a"));
  EXPECT_TRUE(opens());
  EXPECT_EQ(fs::file_size(path), 0u);
  fs::create_hard_link(path, directory_ / "other");
  EXPECT_FALSE(opens());
  fs::remove(path);
  fs::create_symlink(directory_ / "other", path);
  EXPECT_FALSE(opens());
  fs::remove(path);
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  EXPECT_FALSE(opens());
  const int reader = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  EXPECT_FALSE(opens());
  ::close(reader);
}

TEST_F(ForwarderPlaceTest, OneForwarderAtATime) {
  const auto first = lock_forwarder_folder(folder_);
  ASSERT_TRUE(first) << first.error().message;
  const auto second = lock_forwarder_folder(folder_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kAlreadyExists);
  ::close(*first);
  const auto third = lock_forwarder_folder(folder_);
  ASSERT_TRUE(third);
  ::close(*third);
}

TEST(ForwarderRecordTest, IsReadAsItIsWrittenAndNothingElse) {
  EXPECT_EQ(parse_forwarder_record("123 456\n"), (ForwarderRecord{123, 456}));
  for (const auto* wrong : {"", "\n", "123 456", "123\n", "1 456\n", "0 456\n", "-1 456\n", "123 456 7\n", "123  456\n", "99999999999 1\n", "x 456\n"}) {
    EXPECT_FALSE(parse_forwarder_record(wrong)) << wrong;
  }
  const auto self = record_of_process(::getpid());
  ASSERT_TRUE(self);
  EXPECT_EQ(self->pid, ::getpid());
  EXPECT_GT(self->start, 0u);
}

TEST(ForwarderLogTest, LinesAreLimitedAndTheFileIsBegunAnew) {
  ManualClock clock;
  char name[] = "/tmp/forwarder-log-XXXXXX";
  const int fd = ::mkostemp(name, O_APPEND | O_CLOEXEC);
  const auto size = [&] {
    struct stat st {};
    ::fstat(fd, &st);
    return st.st_size;
  };
  ForwarderLog log(clock, fd, {3, std::chrono::seconds(30), 100});
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(log.admit());
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(log.admit());
  clock.advance(std::chrono::milliseconds(9'999));
  EXPECT_FALSE(log.admit());
  clock.advance(std::chrono::milliseconds(2));
  testing::internal::CaptureStderr();
  EXPECT_TRUE(log.admit());
  EXPECT_NE(testing::internal::GetCapturedStderr().find("\"lines\":\"6\""), std::string::npos);
  EXPECT_FALSE(log.admit());
  clock.advance(std::chrono::hours(1));
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(log.admit());
  EXPECT_FALSE(log.admit());

  ASSERT_EQ(::write(fd, std::string(100, 'x').data(), 100), 100);
  clock.advance(std::chrono::hours(1));
  EXPECT_TRUE(log.admit());
  EXPECT_EQ(size(), 100);
  ASSERT_EQ(::write(fd, "x", 1), 1);
  EXPECT_TRUE(log.admit());
  EXPECT_EQ(size(), 0);
  ASSERT_EQ(::write(fd, "x", 1), 1);
  EXPECT_EQ(size(), 1);
  ::close(fd);
  ::unlink(name);
}

}  // namespace
}  // namespace postern::gateway
