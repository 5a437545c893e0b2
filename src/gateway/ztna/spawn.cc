#include "gateway/ztna/spawn.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "base/file.h"

namespace postern::gateway {
namespace {

/// After fork, before exec: only system calls, the process may have had other threads.
bool become(const SpawnOptions& options) {
  if (!options.uid || !options.gid) return true;
  const std::uint32_t bind = 1u << CAP_NET_BIND_SERVICE;
  if (options.bind_low_ports && prctl(PR_SET_KEEPCAPS, 1) != 0) return false;
  if (setgroups(0, nullptr) != 0 || setresgid(*options.gid, *options.gid, *options.gid) != 0 ||
      setresuid(*options.uid, *options.uid, *options.uid) != 0) {
    return false;
  }
  if (!options.bind_low_ports) return true;
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2]{};
  data[0].effective = data[0].permitted = data[0].inheritable = bind;
  // Where the capability isn't ours to give, ports below 1024 fail later with a message of their
  // own.
  if (syscall(SYS_capset, &header, data) == 0)
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_BIND_SERVICE, 0, 0);
  return true;
}

[[noreturn]] void run_child(const SpawnOptions& options, char* const* argv, char* const* environment) {
  if (options.own_session) setsid();
  sigset_t none;
  sigemptyset(&none);
  pthread_sigmask(SIG_SETMASK, &none, nullptr);
  for (const int number : {SIGPIPE, SIGHUP, SIGINT, SIGTERM, SIGCHLD, SIGUSR1, SIGUSR2})
    ::signal(number, SIG_DFL);
  const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  const int output = options.output >= 0 ? options.output : null;
  if (null < 0 || dup2(null, 0) < 0 || dup2(output, 1) < 0 || dup2(output, 2) < 0) _exit(126);
  // Whatever a library of ours forgot to mark is not for it.
  syscall(SYS_close_range, 3u, ~0u, 0u);
  if (!become(options)) _exit(126);
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  execve(argv[0], argv, environment);
  _exit(127);
}

}  // namespace

Result<pid_t> spawn(const SpawnOptions& options) {
  std::vector<char*> argv;
  for (const auto& a : options.argv) argv.push_back(const_cast<char*>(a.c_str()));
  argv.push_back(nullptr);
  std::vector<char*> environment;
  for (char** e = environ; e != nullptr && *e != nullptr; ++e) environment.push_back(*e);
  for (const auto& e : options.environment) {
    const auto name = std::string_view(e).substr(0, e.find('=') + 1);
    const bool there = std::any_of(environment.begin(), environment.end(), [&](const char* has) { return std::string_view(has).starts_with(name); });
    if (!there) environment.push_back(const_cast<char*>(e.c_str()));
  }
  environment.push_back(nullptr);
  const pid_t pid = fork();
  if (pid < 0) return fail(errno_error(errno, "starting", options.argv.front()));
  if (pid == 0) run_child(options, argv.data(), environment.data());
  return pid;
}

std::string describe_exit(int status) {
  if (WIFSIGNALED(status)) {
    const char* name = sigdescr_np(WTERMSIG(status));
    return fmt::format("signal {} ({})", WTERMSIG(status), name == nullptr ? "unknown" : name);
  }
  return fmt::format("exit status {}", WEXITSTATUS(status));
}

}  // namespace postern::gateway
