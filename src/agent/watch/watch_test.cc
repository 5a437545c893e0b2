// The watches on real processes and files.
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <functional>

#include "agent/watch/path_watch.h"
#include "agent/watch/poll_watch.h"
#include "agent/watch/process_table.h"
#include "agent/watch/process_watch.h"
#include "base/file.h"

extern char** environ;

namespace postern::agent {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

TEST(ProcessStat, NamesMayHoldAnything) {
  EXPECT_EQ(parse_process_stat("12 (a) b) S 1")->comm, "a) b");
  EXPECT_EQ(parse_process_stat("12 (x) Z 1")->state, 'Z');
  for (const auto* text : {"", "12", "12 (", "12 (x", "12 (x)", "12 (x) ", ")( S", "12 (x)S"})
    EXPECT_FALSE(parse_process_stat(text)) << text;
}

class Watch : public testing::Test {
 protected:
  Watch() {
    std::string name = (fs::temp_directory_path() / "postern-watch-XXXXXX").string();
    directory_ = ::mkdtemp(name.data());
  }
  ~Watch() override {
    for (const auto pid : children_) end(pid, false);
    fs::remove_all(directory_);
  }
  /// Runs the loop until it holds; gives up after long.
  void wait(const std::function<bool()>& condition) {
    bool late = false;
    auto limit = loop_.after(30s, [&] {
      late = true;
      loop_.stop();
    });
    auto look = loop_.every(1ms, [&] {
      if (condition()) loop_.stop();
    });
    if (!condition()) loop_.run();
    EXPECT_FALSE(late) << "it did not happen";
  }
  /// A copy of sleep under this name, running.
  pid_t run(const std::string& name) {
    const auto program = directory_ / name;
    if (!fs::exists(program)) fs::copy_file("/bin/sleep", program);
    std::string path = program.string(), long_time = "1000";
    char* argv[] = {path.data(), long_time.data(), nullptr};
    pid_t pid = 0;
    EXPECT_EQ(::posix_spawn(&pid, path.c_str(), nullptr, nullptr, argv, environ), 0);
    children_.insert(pid);
    return pid;
  }
  void end(pid_t pid, bool forget = true) {
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    if (forget) children_.erase(pid);
  }

  fs::path directory_;
  net::Loop loop_;
  std::set<pid_t> children_;
};

class Processes : public Watch, public testing::WithParamInterface<bool> {
 protected:
  std::map<std::string, bool> seen_;
  int calls_ = 0;
  ProcessWatch watch_{loop_,
                      [this](const std::string& name, bool running) {
                        seen_[name] = running;
                        ++calls_;
                      },
                      GetParam()};
};

TEST_P(Processes, StartsAndEndsAreTold) {
  watch_.set_names({"pwt-alpha", "pwt-name-longer-than-a-comm"});
  EXPECT_EQ(seen_, (std::map<std::string, bool>{{"pwt-alpha", false}, {"pwt-name-longer-than-a-comm", false}}));
  const auto one = run("pwt-alpha");
  wait([&] { return seen_["pwt-alpha"]; });
  const auto longer = run("pwt-name-longer-than-a-comm");
  wait([&] { return seen_["pwt-name-longer-than-a-comm"]; });
  EXPECT_TRUE(watch_.running("pwt-alpha"));
  end(one);
  wait([&] { return !seen_["pwt-alpha"]; });
  EXPECT_TRUE(seen_["pwt-name-longer-than-a-comm"]);
  end(longer);
  wait([&] { return !seen_["pwt-name-longer-than-a-comm"]; });
  run("pwt-alpha");
  wait([&] { return seen_["pwt-alpha"]; });
}

TEST_P(Processes, OneOfSeveralMayEnd) {
  const auto first = run("pwt-beta");
  watch_.set_names({"pwt-beta"});
  wait([&] { return seen_["pwt-beta"]; });
  const auto second = run("pwt-beta");
  // It has its name when /proc says so: only then does the first one's end leave it.
  wait([&] { return process_has_name(second, "pwt-beta"); });
  end(first);
  const int calls = calls_;
  end(second);
  wait([&] { return !seen_["pwt-beta"]; });
  EXPECT_EQ(calls_, calls + 1);
}

TEST_P(Processes, NamesThatAreWithdrawnAreSilent) {
  const auto pid = run("pwt-gamma");
  watch_.set_names({"pwt-gamma"});
  wait([&] { return seen_["pwt-gamma"]; });
  watch_.set_names({"pwt-delta"});
  const int calls = calls_;
  end(pid);
  run("pwt-delta");
  wait([&] { return seen_["pwt-delta"]; });
  EXPECT_EQ(calls_, calls + 1);
  EXPECT_FALSE(watch_.running("pwt-gamma"));
}

INSTANTIATE_TEST_SUITE_P(WithAndWithoutEvents, Processes, testing::Bool());

class Paths : public Watch {
 protected:
  void SetUp() override {
    auto opened = PathWatch::open(loop_);
    ASSERT_TRUE(opened);
    watch_ = std::move(*opened);
  }
  PathTrace::End watch(const fs::path& path, PathWatchKind kind = PathWatchKind::kExistence) {
    const auto trace = watch_->watch(path.string(), kind, [this, path](const PathTrace& t) {
      ends_[path] = t.end;
      ++calls_;
    });
    ends_[path] = trace.end;
    return trace.end;
  }
  std::unique_ptr<PathWatch> watch_;
  std::map<fs::path, PathTrace::End> ends_;
  int calls_ = 0;
};
using End = PathTrace::End;

TEST_F(Paths, AFileComesAndGoes) {
  const auto file = directory_ / "file";
  EXPECT_EQ(watch(file), End::kMissing);
  ASSERT_TRUE(write_file_atomic(file, "x"));
  wait([&] { return ends_[file] == End::kRegular; });
  fs::remove(file);
  wait([&] { return ends_[file] == End::kMissing; });
  fs::create_directory(file);
  wait([&] { return ends_[file] == End::kOther; });
}

TEST_F(Paths, DirectoriesOnTheWayMayComeLater) {
  const auto file = directory_ / "a/b/c";
  EXPECT_EQ(watch(file), End::kMissing);
  fs::create_directories(directory_ / "a/b");
  ASSERT_TRUE(write_file_atomic(file, "x"));
  wait([&] { return ends_[file] == End::kRegular; });
  fs::rename(directory_ / "a", directory_ / "z");
  wait([&] { return ends_[file] == End::kMissing; });
  fs::rename(directory_ / "z", directory_ / "a");
  wait([&] { return ends_[file] == End::kRegular; });
}

TEST_F(Paths, LinksAreFollowed) {
  ASSERT_TRUE(make_directories(directory_ / "real", 0755));
  fs::create_directory_symlink(directory_ / "real", directory_ / "link");
  const auto file = directory_ / "link/file";
  EXPECT_EQ(watch(file), End::kMissing);
  ASSERT_TRUE(write_file_atomic(directory_ / "real/file", "x"));
  wait([&] { return ends_[file] == End::kRegular; });
  fs::remove(directory_ / "link");
  wait([&] { return ends_[file] == End::kMissing; });
  fs::create_directory_symlink("link", directory_ / "link");  // to itself
  wait([&] { return ends_[file] == End::kFailed; });
}

TEST_F(Paths, ContentIsToldOnlyToThoseWhoAsk) {
  const auto file = directory_ / "file", other = directory_ / "other";
  ASSERT_TRUE(write_file_atomic(file, "x"));
  ASSERT_TRUE(write_file_atomic(other, "x"));
  watch(file, PathWatchKind::kContent);
  watch(other);
  ASSERT_TRUE(watch_->complete());
  const auto append = [](const fs::path& path) {
    FILE* f = std::fopen(path.c_str(), "a");
    std::fputs("y", f);
    std::fclose(f);
  };
  append(other);
  append(file);
  wait([&] { return calls_ > 0; });
  EXPECT_EQ(watch_->size(), 2u);
  watch_->forget(file.string());
  EXPECT_EQ(watch_->size(), 1u);
  const int before = calls_;
  append(file);
  fs::remove(other);
  wait([&] { return ends_[other] == End::kMissing; });
  EXPECT_EQ(calls_, before + 1);
}

TEST_F(Watch, PollWatchTellsOfMounts) {
  // In a mount namespace of our own; where that is not permitted there is nothing to see.
  if (::unshare(CLONE_NEWNS) != 0) GTEST_SKIP() << "no right to make a mount namespace";
  ASSERT_EQ(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
  int told = 0;
  auto watch = PollWatch::open(loop_, kMountsFile, [&] { ++told; });
  ASSERT_TRUE(watch);
  ASSERT_EQ(::mount("tmpfs", directory_.c_str(), "tmpfs", 0, nullptr), 0);
  wait([&] { return told > 0; });
  ASSERT_EQ(::umount(directory_.c_str()), 0);
}

TEST_F(Watch, PollWatchTellsOfTheHostName) {
  if (::unshare(CLONE_NEWUTS) != 0) GTEST_SKIP() << "no right to make a namespace of host names";
  int told = 0;
  auto watch = PollWatch::open(loop_, kHostNameFile, [&] { ++told; });
  ASSERT_TRUE(watch);
  ASSERT_EQ(::sethostname("one", 3), 0);
  wait([&] { return told > 0; });
  const int before = told;
  ASSERT_EQ(::sethostname("two", 3), 0);
  wait([&] { return told > before; });
}

TEST_F(Watch, PollWatchOpensWhatCanBePolledOnly) {
  EXPECT_TRUE(PollWatch::open(loop_, kHostNameFile, [] {}));
  EXPECT_TRUE(PollWatch::open(loop_, kMountsFile, [] {}));
  const auto file = directory_ / "plain";
  ASSERT_TRUE(write_file_atomic(file, "x"));
  const auto refused = PollWatch::open(loop_, file.string(), [] {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kUnsupported);
  EXPECT_FALSE(PollWatch::open(loop_, (directory_ / "missing").string(), [] {}));
}

}  // namespace
}  // namespace postern::agent
