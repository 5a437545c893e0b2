#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "agent/collectors/asked/asked_lab.h"
#include "agent/collectors/file_hash.h"
#include "agent/collectors/owning_package.h"
#include "agent/watch/process_table.h"

namespace postern::agent {
namespace {

posture::Fact ask_here(const std::string& key) { return answer_all({key}, "/", from_unix_ms(1)).at(key); }

TEST(OwningPackage, IsFoundByWholeLines) {
  const char* list = "/.\n/usr\n/usr/bin\n/usr/bin/tool-x\n/bin/tool\n/opt/a";
  EXPECT_TRUE(lists_file(list, "/usr/bin/tool-x"));
  EXPECT_TRUE(lists_file(list, "/bin/tool-x"));
  EXPECT_TRUE(lists_file(list, "/usr/bin/tool"));
  EXPECT_TRUE(lists_file(list, "/opt/a"));
  EXPECT_FALSE(lists_file(list, "/usr/bin/too"));
  EXPECT_FALSE(lists_file(list, "/x"));
  EXPECT_FALSE(lists_file("", "/x"));
}

class ProcessesFamily : public AskedLab {
 protected:
  /// A program of its own that waits.
  void SetUp() override {
    program_ = (root_ / "patient-program").string();
    std::filesystem::copy_file("/bin/sleep", program_);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::execl(program_.c_str(), "sleep", "1000", nullptr);
      ::_exit(127);
    }
    // It has its own name as soon as it runs.
    for (int i = 0; i < 100'000 && ask_here(keys::process_running(program_)).value != posture::FactValue(true); ++i) {
    }
  }
  void TearDown() override {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  std::string program_;
  pid_t pid_ = 0;
};

TEST_F(ProcessesFamily, AreKnownByNameAndPathAndContent) {
  EXPECT_EQ(ask_here(keys::process_running("patient-program")).value, posture::FactValue(true));
  EXPECT_EQ(ask_here(keys::process_running(program_)).value, posture::FactValue(true));
  EXPECT_EQ(ask_here(keys::process_running("/elsewhere/patient-program")).value, posture::FactValue(false));
  const auto hash = hash_file("/bin/sleep");
  ASSERT_TRUE(hash);
  EXPECT_EQ(ask_here(keys::with(keys::kProcessSha256, program_)).value, posture::FactValue(Texts{*hash}));
  // Replaced by another: what runs is still the old one.
  std::filesystem::rename(program_, program_ + ".old");
  put("patient-program", "something else");
  EXPECT_EQ(ask_here(keys::with(keys::kProcessSha256, program_ + ".old")).value, posture::FactValue(Texts{*hash}));
  EXPECT_EQ(ask_here(keys::with(keys::kProcessSha256, "no-such-process-here")).value, posture::FactValue(Texts{}));
  // Nobody's package holds it.
  EXPECT_FALSE(ask_here(keys::with(keys::kProcessVersions, program_ + ".old")).known());
}

TEST(ProcessesOfOneName, AreUnknownWhereThereAreMoreThanAreLookedAt) {
  constexpr int kMany = 1001;
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  std::vector<pid_t> children;
  for (int i = 0; i < kMany; ++i) {
    const auto pid = ::fork();
    if (pid == 0) {
      ::prctl(PR_SET_NAME, "one-of-many");
      ::close(ends[1]);
      char end;
      [[maybe_unused]] const auto n = ::read(ends[0], &end, 1);  // until the test ends
      ::_exit(0);
    }
    if (pid > 0) children.push_back(pid);
  }
  ::close(ends[0]);
  const auto named = [] { return find_processes({"one-of-many"}, kMany).front().size(); };
  for (int i = 0; i < 1000 && named() < children.size(); ++i) {
  }
  if (children.size() == kMany) {
    const auto fact = ask_here(keys::with(keys::kProcessSha256, "one-of-many"));
    EXPECT_FALSE(fact.known());
    EXPECT_EQ(fact.source, "more than 1000 processes of that name run");
    EXPECT_EQ(ask_here(keys::process_running("one-of-many")).value, posture::FactValue(true));
  }
  ::close(ends[1]);
  for (const auto pid : children) ::waitpid(pid, nullptr, 0);
  if (children.size() < kMany) GTEST_SKIP() << "no right to so many processes";
}

TEST_F(ProcessesFamily, OfAnImageAreNotRunning) {
  EXPECT_EQ(said(keys::process_running("patient-program")), "unknown: unsupported");
}

}  // namespace
}  // namespace postern::agent
