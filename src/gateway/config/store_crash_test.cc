// A process that commits is killed at each of its system calls in turn: what is there afterwards is the old or the new
// configuration, whole, and the history agrees with it.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <thread>

#include <fmt/format.h>

#include "gateway/config/store.h"
#include "gateway/config/text.h"

namespace postern::gateway::config {
namespace {

constexpr int kCommits = 10;
constexpr int kKills = 240;

/// The n-th configuration: each commit changes two tables, so that a mix would show.
std::string crash_state(int n) {
  return fmt::format("config system global\n    set hostname \"gw{}\"\nend\nconfig firewall vip\n    edit \"web\"\n"
                     "        set extport {}\n    next\nend\n",
                     n, 1000 + n);
}

std::filesystem::path fast_directory() {
  const std::filesystem::path shm = "/dev/shm";
  return (::access(shm.c_str(), W_OK) == 0 ? shm : std::filesystem::temp_directory_path()) /
         ("postern-crash-" + std::to_string(::getpid()));
}

bool commit_state(ConfigStore& store, int n) {
  auto t = store.begin();
  return apply_text(t, crash_state(n)).has_value() && store.commit(t, {"child", "cli", {}}).has_value();
}

/// In the child: commits one configuration after the other and says so, as a program that answers would.
[[noreturn]] void commit_on(const std::filesystem::path& file, int told) {
  auto store = ConfigStore::open(gateway_schema(), file, {nullptr, {3, 1 << 20}});
  if (!store) ::_exit(3);
  for (int n = 1; n <= kCommits; ++n) {
    if (!commit_state(**store, n)) ::_exit(4);
    const char byte = 1;
    if (::write(told, &byte, 1) != 1) ::_exit(5);
  }
  ::_exit(0);
}

struct ChildRun {
  bool killed = false;   ///< Else it came to its end before.
  int exit_status = -1;
  int told = 0;          ///< Commits that it had said were done.
};

class StoreCrashTest : public testing::Test {
 protected:
  void SetUp() override {
    directory = fast_directory();
    begin();
  }
  void TearDown() override { std::filesystem::remove_all(directory); }

  void begin() {
    std::filesystem::remove_all(directory);
    std::filesystem::create_directories(directory);
    auto store = ConfigStore::open(gateway_schema(), file());
    ASSERT_TRUE(store);
    ASSERT_TRUE(commit_state(**store, 0));
  }
  std::filesystem::path file() const { return directory / "gateway.conf"; }

  template <class Killer>
  ChildRun run(const Killer& killer, bool traced) {
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      if (traced) {
        if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) ::_exit(6);
        ::raise(SIGSTOP);
      }
      commit_on(file(), ends[1]);
    }
    ::close(ends[1]);
    ChildRun out;
    const int status = killer(child);
    out.killed = WIFSIGNALED(status);
    out.exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    char buffer[64];
    for (ssize_t n; (n = ::read(ends[0], buffer, sizeof buffer)) > 0;) out.told += static_cast<int>(n);
    ::close(ends[0]);
    return out;
  }

  /// Kills it when it is about to do its `at`-th system call.
  ChildRun run_until_call(int at) {
    return run([at](pid_t child) {
      int status = 0;
      ::waitpid(child, &status, 0);
      if (!WIFSTOPPED(status)) return status;
      ::ptrace(PTRACE_SETOPTIONS, child, nullptr, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
      bool entering = true;
      for (int calls = 0;;) {
        ::ptrace(PTRACE_SYSCALL, child, nullptr, nullptr);
        ::waitpid(child, &status, 0);
        if (!WIFSTOPPED(status)) return status;
        if (WSTOPSIG(status) != (SIGTRAP | 0x80)) continue;
        if (entering && ++calls == at) ::kill(child, SIGKILL);
        entering = !entering;
      }
    }, true);
  }

  ChildRun run_for(std::chrono::microseconds time) {
    return run([time](pid_t child) {
      std::this_thread::sleep_for(time);
      ::kill(child, SIGKILL);
      int status = 0;
      ::waitpid(child, &status, 0);
      return status;
    }, false);
  }

  void expect_old_or_new(const ChildRun& r, const std::string& when) {
    auto store = ConfigStore::open(gateway_schema(), file());
    ASSERT_TRUE(store) << when << ": " << store.error().message;
    const std::string now = print_tree(*(*store)->current());
    EXPECT_TRUE(now == crash_state(r.told) || now == crash_state(r.told + 1)) << when << ", told " << r.told << ", is\n" << now;
    const auto& revisions = (*store)->revisions();
    const auto revision = (*store)->current()->revision();
    EXPECT_EQ(revision, revisions.newest()) << when;
    EXPECT_EQ(revision, now == crash_state(r.told) ? r.told + 1u : r.told + 2u) << when;
    for (const auto& [id, kept] : revisions.all()) {
      EXPECT_EQ(kept.damage, "") << when;
      EXPECT_EQ(*revisions.text(id), crash_state(static_cast<int>(id) - 1)) << when << ", revision " << id;
    }
    for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
      EXPECT_EQ(entry.path().native().find(".tmp."), std::string::npos) << when << ": " << entry.path();
    }
    // And it goes on.
    EXPECT_TRUE(commit_state(**store, 100)) << when;
  }

  std::filesystem::path directory;
};

bool may_trace() {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) == 0 ? 0 : 1);
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

TEST_F(StoreCrashTest, KilledAtEachSystemCallLeavesTheOldOrTheNewConfiguration) {
  int kills = 0, old_ones = 0;
  if (may_trace()) {
    // Each call of the first commits; then every few, to the end.
    for (int call = 1; kills < 2000; call += call < kKills ? 1 : 7) {
      begin();
      const auto r = run_until_call(call);
      if (!r.killed) {
        EXPECT_EQ(r.exit_status, 0);
        EXPECT_EQ(r.told, kCommits);
        break;
      }
      ++kills;
      expect_old_or_new(r, fmt::format("killed at call {}", call));
      old_ones += r.told == 0;
      if (HasFailure()) break;
    }
    EXPECT_LT(old_ones, kills) << "some were killed behind a commit";
  } else {  // where nobody may trace, at random moments
    for (; kills < kKills && !HasFailure(); ++kills) {
      begin();
      expect_old_or_new(run_for(std::chrono::microseconds(200 + kills * 37 % 6000)), fmt::format("kill {}", kills));
    }
  }
  EXPECT_GE(kills, 200);
  RecordProperty("kills", kills);
}

}  // namespace
}  // namespace postern::gateway::config
