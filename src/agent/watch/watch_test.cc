// The watches on real processes and files.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mount.h>
#include <sys/prctl.h>
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

/// A name that no other run of these tests has now; the shorter ones fit into a comm.
std::string own(const std::string& name) { return std::to_string(::getpid()) + "-" + name; }

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
  watch_.set_names({own("alpha"), own("name-longer-than-a-comm")});
  EXPECT_EQ(seen_, (std::map<std::string, bool>{{own("alpha"), false}, {own("name-longer-than-a-comm"), false}}));
  const auto one = run(own("alpha"));
  wait([&] { return seen_[own("alpha")]; });
  const auto longer = run(own("name-longer-than-a-comm"));
  wait([&] { return seen_[own("name-longer-than-a-comm")]; });
  EXPECT_TRUE(watch_.running(own("alpha")));
  end(one);
  wait([&] { return !seen_[own("alpha")]; });
  EXPECT_TRUE(seen_[own("name-longer-than-a-comm")]);
  end(longer);
  wait([&] { return !seen_[own("name-longer-than-a-comm")]; });
  run(own("alpha"));
  wait([&] { return seen_[own("alpha")]; });
}

TEST_P(Processes, OneOfSeveralMayEnd) {
  const auto first = run(own("beta"));
  watch_.set_names({own("beta")});
  wait([&] { return seen_[own("beta")]; });
  const auto second = run(own("beta"));
  // It has its name when /proc says so: only then does the first one's end leave it.
  wait([&] { return process_has_name(second, ProcessName(own("beta"))); });
  end(first);
  const int calls = calls_;
  end(second);
  wait([&] { return !seen_[own("beta")]; });
  EXPECT_EQ(calls_, calls + 1);
}

TEST_P(Processes, NamesThatAreWithdrawnAreSilent) {
  const auto pid = run(own("gamma"));
  watch_.set_names({own("gamma")});
  wait([&] { return seen_[own("gamma")]; });
  watch_.set_names({own("delta")});
  const int calls = calls_;
  end(pid);
  run(own("delta"));
  wait([&] { return seen_[own("delta")]; });
  EXPECT_EQ(calls_, calls + 1);
  EXPECT_FALSE(watch_.running(own("gamma")));
}

TEST_P(Processes, APathIsThatProgramsAndNoOthersOfItsName) {
  const auto path = (directory_ / own("epsilon")).string();
  const auto link = (directory_ / "by-link").string();
  const auto elsewhere = (directory_ / "other" / own("epsilon")).string();
  fs::create_directories(directory_ / "other");
  fs::copy_file("/bin/sleep", elsewhere);
  fs::create_symlink(own("epsilon"), link);
  watch_.set_names({path, link, elsewhere});
  EXPECT_EQ(seen_, (std::map<std::string, bool>{{path, false}, {link, false}, {elsewhere, false}}));
  const auto pid = run(own("epsilon"));
  wait([&] { return seen_[path] && seen_[link]; });
  EXPECT_FALSE(seen_[elsewhere]);
  end(pid);
  wait([&] { return !seen_[path] && !seen_[link]; });
}

TEST_P(Processes, APathIsNotThatOfAProgramThatWasMovedAwayFromIt) {
  fs::create_directories(directory_ / "bin");
  const auto name = "bin/" + own("zeta"), path = (directory_ / name).string();
  watch_.set_names({path});
  const auto pid = run(name);
  wait([&] { return seen_[path]; });
  fs::rename(path, path + ".old");
  fs::copy_file("/bin/sleep", path);
  wait([&] { return !seen_[path]; });
  EXPECT_TRUE(process_has_name(pid, ProcessName(path + ".old")));
  const auto second = run(name);
  wait([&] { return seen_[path]; });
  // One that an upgrade put another in the place of remains this path's, until the directory is another.
  fs::copy_file("/bin/sleep", path + ".new");
  fs::rename(path + ".new", path);
  EXPECT_TRUE(process_has_name(second, ProcessName(path)));
  fs::rename(directory_ / "bin", directory_ / "sbin");
  wait([&] { return !seen_[path]; });
}

TEST_P(Processes, ANameIsNotThatOfAProcessThatTookAnother) {
  int go[2];
  ASSERT_EQ(::pipe(go), 0);
  const auto before = own("eta"), after = own("theta");
  const auto pid = ::fork();
  if (pid == 0) {
    ::prctl(PR_SET_NAME, before.c_str());
    char byte;
    if (::read(go[0], &byte, 1) == 1) ::prctl(PR_SET_NAME, after.c_str());
    for (;;) ::pause();
  }
  children_.insert(pid);
  wait([&] { return process_has_name(pid, ProcessName(before)); });
  watch_.set_names({before});
  EXPECT_TRUE(watch_.running(before));
  EXPECT_EQ(::write(go[1], "x", 1), 1);
  wait([&] { return process_has_name(pid, ProcessName(after)); });
  watch_.recheck();
  EXPECT_FALSE(seen_[before]);
  for (const int fd : go) ::close(fd);
}

TEST_P(Processes, ADirectoryThatComesBackBringsItsProgramBack) {
  fs::create_directories(directory_ / "a/b");
  const auto path = (directory_ / "a/b/kappa").string();
  run("a/b/kappa");
  watch_.set_names({path});
  wait([&] { return seen_[path]; });
  fs::rename(directory_ / "a", directory_ / "c");
  wait([&] { return !seen_[path]; });
  fs::rename(directory_ / "c", directory_ / "a");
  wait([&] { return seen_[path]; });
}

TEST_P(Processes, OfManyThatEndAtOnceTheOneThatGoesOnIsFound) {
  std::vector<pid_t> many;
  for (int i = 0; i < 60; ++i) many.push_back(run(own("lambda")));
  wait([&] { return process_has_name(many.back(), ProcessName(own("lambda"))); });
  watch_.set_names({own("lambda")});
  wait([&] { return seen_[own("lambda")]; });
  for (std::size_t i = 0; i + 1 < many.size(); ++i) ::kill(many[i], SIGKILL);
  const int calls = calls_;
  for (std::size_t i = 0; i + 1 < many.size(); ++i) {
    ::waitpid(many[i], nullptr, 0);
    children_.erase(many[i]);
  }
  watch_.recheck();
  wait([&] { return watch_.running(own("lambda")); });
  EXPECT_EQ(calls_, calls);  // nobody was told that none ran
}

TEST_P(Processes, APathIsNotWhatAnotherMountNamespaceHasThere) {
  fs::create_directory(directory_ / "bin");
  const auto path = (directory_ / "bin/iota").string(), mount = (directory_ / "bin").string();
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const auto pid = ::fork();
  if (pid == 0) {
    const bool own_mounts = ::unshare(CLONE_NEWNS) == 0 && ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                            ::mount("tmpfs", mount.c_str(), "tmpfs", 0, nullptr) == 0;
    std::error_code ec;
    if (own_mounts) fs::copy_file("/bin/sleep", path, ec);
    const char byte = own_mounts && !ec ? 'y' : 'n';
    (void)!::write(ready[1], &byte, 1);
    std::string program = path, long_time = "1000";
    char* argv[] = {program.data(), long_time.data(), nullptr};
    if (byte == 'y') ::execv(program.c_str(), argv);
    for (;;) ::pause();
  }
  children_.insert(pid);
  char byte = 'n';
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  for (const int fd : ready) ::close(fd);
  if (byte != 'y') GTEST_SKIP() << "no right to make a mount namespace";
  wait([&] { return process_has_name(pid, ProcessName("iota")); });
  EXPECT_FALSE(process_has_name(pid, ProcessName(path)));
  // Whether something else is there, or the other one's is gone by now.
  fs::copy_file("/bin/sleep", path);
  EXPECT_FALSE(process_has_name(pid, ProcessName(path)));
  fs::remove("/proc/" + std::to_string(pid) + "/root" + path);
  EXPECT_FALSE(process_has_name(pid, ProcessName(path)));
  run("bin/iota");
  watch_.set_names({path});
  wait([&] { return seen_[path]; });
}

TEST(ProcessOwner, IsWhoItRunsAs) {
  EXPECT_EQ(owner_of(::getpid()), ::geteuid());
  EXPECT_EQ(owner_of(-1), std::nullopt);
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
  wait([&] { return ends_[file] == End::kLoop; });
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

TEST_F(Paths, ADirectoryTellsOfItsEntriesToWhoWantsThem) {
  const auto directory = (directory_ / "conf.d").string();
  const auto inside = (directory_ / "conf.d/a").string();
  int entries = 0, existence = 0, file = 0;
  watch_->watch(inside, PathWatchKind::kExistence, [&](const PathTrace&) { ++file; });
  watch_->watch(directory, PathWatchKind::kContent, [&](const PathTrace&) { ++entries; });
  fs::create_directories(directory);
  wait([&] { return entries >= 1; });
  watch_->watch((directory_ / "marker").string(), PathWatchKind::kExistence, [&](const PathTrace&) { ++existence; });
  ASSERT_TRUE(write_file_atomic(inside, "1"));
  wait([&] { return file > 0; });
  // Written in place.
  int before = entries;
  {
    const int fd = ::open(inside.c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC);
    ASSERT_EQ(::write(fd, "2", 1), 1);
    ::close(fd);
  }
  wait([&] { return entries > before; });
  // Who wants no entries hears of his own name only.
  before = file;
  ASSERT_TRUE(write_file_atomic(directory_ / "conf.d/b", "1"));
  const int so_far = entries;
  fs::remove(directory_ / "conf.d/b");
  wait([&] { return entries > so_far; });
  EXPECT_EQ(file, before);
  EXPECT_EQ(existence, 0);
  watch_->forget(directory);
  fs::remove(inside);
  wait([&] { return file > before; });
}

}  // namespace
}  // namespace postern::agent
