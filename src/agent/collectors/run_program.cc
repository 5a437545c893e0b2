#include "agent/collectors/run_program.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "agent/collectors/stopping.h"
#include "base/file.h"

namespace postern::agent {
namespace {

using Steady = std::chrono::steady_clock;
constexpr std::chrono::milliseconds kLookForEnd{5};

int spawn(const std::vector<std::string>& arguments, int output, pid_t& pid) {
  std::vector<char*> argv;
  for (const auto& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  char locale[] = "LC_ALL=C", path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
  char* environment[] = {locale, path, nullptr};
  posix_spawn_file_actions_t files;
  ::posix_spawn_file_actions_init(&files);
  ::posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&files, output, 1);
  ::posix_spawn_file_actions_addopen(&files, 2, "/dev/null", O_WRONLY, 0);
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  sigset_t defaults, none;
  ::sigfillset(&defaults);
  ::sigdelset(&defaults, SIGKILL);
  ::sigdelset(&defaults, SIGSTOP);
  ::sigemptyset(&none);
  ::posix_spawnattr_setsigdefault(&attributes, &defaults);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  // In a group of its own, so that what it starts ends with it.
  ::posix_spawnattr_setpgroup(&attributes, 0);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
  const int error = ::posix_spawn(&pid, argv[0], &files, &attributes, argv.data(), environment);
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&files);
  return error;
}

int milliseconds_until(Steady::time_point end) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Steady::now());
  return static_cast<int>(std::max<std::int64_t>(left.count(), 0));
}

}  // namespace

Result<ProgramOutput> run_program(const std::vector<std::string>& arguments, std::chrono::milliseconds limit,
                                  std::size_t most) {
  const auto& program = arguments.front();
  const auto end = Steady::now() + limit;
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return fail(errno_error(errno, "opening a pipe for", program));
  pid_t pid = 0;
  const int error = spawn(arguments, ends[1], pid);
  ::close(ends[1]);
  if (error != 0) {
    ::close(ends[0]);
    return fail(errno_error(error, "running", program));
  }
  ProgramOutput out;
  bool late = false, much = false;
  for (char buffer[8192]; !late && !much;) {
    pollfd readable{ends[0], POLLIN, 0};
    const int slice = std::min(milliseconds_until(end), static_cast<int>(kStoppingNoticed.count()));
    const int ready = ::poll(&readable, 1, slice);
    if (ready < 0 && errno == EINTR) continue;
    late = ready == 0 && (Steady::now() >= end || waiting_is_over());
    if (ready == 0 && !late) continue;
    if (ready <= 0) break;
    const auto n = ::read(ends[0], buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    much = out.text.size() + static_cast<std::size_t>(n) > most;
    if (!much) out.text.append(buffer, static_cast<std::size_t>(n));
  }
  ::close(ends[0]);
  // It may have closed its output and go on.
  int status = 0;
  while (!late && !much && ::waitpid(pid, &status, WNOHANG) == 0) {
    late = Steady::now() >= end || waiting_is_over();
    ::poll(nullptr, 0, static_cast<int>(kLookForEnd.count()));
  }
  if (late || much) {
    ::kill(-pid, SIGKILL);
    ::kill(pid, SIGKILL);
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (late) return fail(ErrorCode::kDeadlineExceeded, program + " did not end in time");
    return fail(ErrorCode::kResourceExhausted, program + " said too much");
  }
  if (!WIFEXITED(status)) return fail(ErrorCode::kUnavailable, program + " was killed");
  out.exit_status = WEXITSTATUS(status);
  return out;
}

}  // namespace postern::agent
