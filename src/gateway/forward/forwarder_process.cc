#include "gateway/forward/forwarder_process.h"

#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "gateway/forward/forwarder_place.h"
#include "gateway/ztna/spawn.h"

namespace postern::gateway {
namespace {

constexpr off_t kMaxForwarderLog = 1 << 20;
/// Having lived this long counts as healthy.
constexpr std::chrono::seconds kHealthyLife{30};
/// So many deaths in a row are an illness.
constexpr int kIll = 2;
constexpr std::chrono::seconds kLookAgain{2};

int pidfd_of(pid_t pid) { return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0u)); }

}  // namespace

ForwarderProcess::~ForwarderProcess() {
  exit_.cancel();
  look_.cancel();
  if (pidfd_ >= 0) ::close(pidfd_);
}

void ForwarderProcess::start() {
  if (std::exchange(wanted_, true)) return;
  run();
}

/// One that a gateway before this one left.
bool ForwarderProcess::adopt() {
  const auto user = find_process_user(options_.user);
  const auto pidfd = user ? find_forwarder(options_.socket, user->uid) : Result<int>(fail(user.error()));
  if (!pidfd) {
    if (pidfd.error().code != ErrorCode::kNotFound) log_warning("forward.adopt", pidfd.error().message);
    return false;
  }
  watch(*pidfd, 0);
  return true;
}

/// What it needs to be started; the process.
Result<pid_t> ForwarderProcess::launch() {
  const auto user = find_process_user(options_.user);
  if (!user) return fail(user.error());
  if (auto made = make_forwarder_folder(std::filesystem::path(options_.socket).parent_path(), *user); !made) return fail(made.error());
  SpawnOptions spawned;
  spawned.argv = {options_.program, "tcp-forwarder", "--socket", options_.socket};
  if (!options_.user.empty()) spawned.argv.insert(spawned.argv.end(), {"--user", options_.user});
  spawned.own_session = true;
  const auto log = open_forwarder_log(options_.log, kMaxForwarderLog);
  if (!log) log_warning("forward.log", log.error().message);
  spawned.output = log ? *log : -1;
  auto pid = spawn(spawned);
  if (log) ::close(*log);
  return pid;
}

void ForwarderProcess::run() {
  if (pidfd_ >= 0 || adopt()) return;
  const auto pid = launch();
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
  silent_looks_ = 0;
  if (deaths_ < kIll) health_ = {};
  exit_ = loop_.watch_readable(pidfd_, [this] { died(); });
  look_ = loop_.after(kLookAgain, [this] { look(); });
}

/// Stopped, or caught in something: its connections are dead, and whoever comes waits. What it said can't be read where it is of an
/// earlier version, which is left alone.
void ForwarderProcess::look() {
  const auto said = state();
  // Counted by looks and not by the clock: where the whole machine stood still, neither of the two had time.
  silent_looks_ = said && said->alive_at == seen_alive_ ? silent_looks_ + 1 : 0;
  seen_alive_ = said ? said->alive_at : MonoTime();
  if (silent_looks_ * kLookAgain >= kForwarderHangs) {
    log_error("forward.hangs", "the forwarder of TCP connections has not run for " + std::to_string(kForwarderHangs.count()) +
                                   " seconds and is started anew");
    ::syscall(SYS_pidfd_send_signal, pidfd_, SIGKILL, nullptr, 0u);
  }
  look_ = loop_.after(kLookAgain, [this] { look(); });
}

void ForwarderProcess::died() {
  exit_.cancel();
  look_.cancel();
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

Result<std::string> ForwarderProcess::health() const {
  if (!wanted_) return std::string();
  const auto now = SystemClock().now().mono;
  const bool lives = pidfd_ >= 0 && now - begun_ > kHealthyLife;
  const auto said = state();
  const bool silent = said && now - said->alive_at >= kForwarderSilent;
  const bool begins = now - begun_ < kForwarderSilent;  // what one before it said may still stand there
  if (!health_ && !lives && (begins || !silent)) return fail(health_.error());
  if (!said || (begins && silent)) return std::string();
  return forwarder_health(*said, now);
}

std::optional<ForwarderState> ForwarderProcess::state() const {
  if (pidfd_ < 0) return std::nullopt;
  const auto text = read_file(ForwarderStateFile::path(std::filesystem::path(options_.socket).parent_path()), 1024);
  const auto state = text ? parse_forwarder_state(*text) : Result<ForwarderState>(fail(text.error()));
  return state ? std::optional(*state) : std::nullopt;
}

void ForwarderProcess::stop() {
  wanted_ = false;
  again_.cancel();
  if (pidfd_ < 0 && !adopt()) return;
  exit_.cancel();
  look_.cancel();
  ::syscall(SYS_pidfd_send_signal, pidfd_, SIGTERM, nullptr, 0u);
  pollfd gone{pidfd_, POLLIN, 0};
  if (::poll(&gone, 1, 2000) == 0) {
    ::syscall(SYS_pidfd_send_signal, pidfd_, SIGKILL, nullptr, 0u);
    ::poll(&gone, 1, 1000);
  }
  if (child_ > 0) ::waitpid(child_, nullptr, WNOHANG);
  ::unlink(options_.socket.c_str());  // it can't itself: the folder is not its own
  ::close(std::exchange(pidfd_, -1));
  child_ = 0;
}

}  // namespace postern::gateway
