#include "gateway/forward/forwarder_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "gateway/ztna/spawn.h"

namespace postern::gateway {
namespace {

constexpr off_t kMaxForwarderLog = 1 << 20;
/// Having lived this long counts as healthy.
constexpr std::chrono::seconds kHealthyLife{30};

int pidfd_of(pid_t pid) { return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0u)); }

int open_log(const std::filesystem::path& path) {
  struct stat st {};
  const bool full = ::stat(path.c_str(), &st) == 0 && st.st_size > kMaxForwarderLog;
  return ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | (full ? O_TRUNC : 0), 0640);
}

}  // namespace

ForwarderProcess::~ForwarderProcess() {
  exit_.cancel();
  if (pidfd_ >= 0) ::close(pidfd_);
}

void ForwarderProcess::start() {
  if (std::exchange(wanted_, true)) return;
  run();
}

/// Who listens on the socket: the kernel knows.
bool ForwarderProcess::adopt() {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (options_.socket.size() >= sizeof address.sun_path) return false;
  std::strncpy(address.sun_path, options_.socket.c_str(), sizeof address.sun_path - 1);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return false;
  ucred peer{};
  socklen_t size = sizeof peer;
  const bool there = ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
                     ::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.pid > 0;
  const int pidfd = there ? pidfd_of(peer.pid) : -1;
  ::close(fd);
  if (pidfd < 0) return false;
  watch(pidfd, 0);
  return true;
}

void ForwarderProcess::run() {
  if (pidfd_ >= 0 || adopt()) return;
  SpawnOptions spawned;
  spawned.argv = {options_.program, "tcp-forwarder", "--socket", options_.socket};
  if (!options_.user.empty()) spawned.argv.insert(spawned.argv.end(), {"--user", options_.user});
  spawned.own_session = true;
  spawned.output = open_log(options_.log);
  const auto pid = spawn(spawned);
  if (spawned.output >= 0) ::close(spawned.output);
  const int pidfd = pid ? pidfd_of(*pid) : -1;
  if (pidfd < 0) {
    health_ = fail(pid ? errno_error(errno, "watching", "the forwarder") : pid.error());
    log_error("forward.start", health_.error().message);
    return died();
  }
  watch(pidfd, *pid);
}

void ForwarderProcess::watch(int pidfd, pid_t child) {
  pidfd_ = pidfd;
  child_ = child;
  begun_ = SystemClock().now().mono;
  health_ = {};
  exit_ = loop_.watch_readable(pidfd_, [this] { died(); });
}

void ForwarderProcess::died() {
  exit_.cancel();
  std::string how = "it ended";
  if (int status = 0; child_ > 0 && ::waitpid(child_, &status, WNOHANG) == child_) how = describe_exit(status);
  if (pidfd_ >= 0) {
    ::close(std::exchange(pidfd_, -1));
    if (SystemClock().now().mono - begun_ > kHealthyLife) deaths_ = 0;
    health_ = fail(ErrorCode::kUnavailable, "the forwarder of TCP connections ended by itself (" + how + ") and is started again; see " +
                                                options_.log.string());
    log_warning("forward.died", health_.error().message);
  }
  child_ = 0;
  if (!wanted_) return;
  again_ = loop_.after(options_.pause * (1 << std::min(deaths_++, 5)), [this] { run(); });
}

void ForwarderProcess::stop() {
  wanted_ = false;
  again_.cancel();
  if (pidfd_ < 0 && !adopt()) return;
  exit_.cancel();
  ::syscall(SYS_pidfd_send_signal, pidfd_, SIGTERM, nullptr, 0u);
  pollfd gone{pidfd_, POLLIN, 0};
  if (::poll(&gone, 1, 2000) == 0) {
    ::syscall(SYS_pidfd_send_signal, pidfd_, SIGKILL, nullptr, 0u);
    ::poll(&gone, 1, 1000);
  }
  if (child_ > 0) ::waitpid(child_, nullptr, WNOHANG);
  ::close(std::exchange(pidfd_, -1));
  child_ = 0;
}

}  // namespace postern::gateway
