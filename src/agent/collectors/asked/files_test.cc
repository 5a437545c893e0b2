#include "agent/collectors/asked/files.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utime.h>

#include "agent/collectors/asked/asked_lab.h"
#include "agent/collectors/file_hash.h"
#include "base/hex.h"
#include "base/sha256.h"

namespace postern::agent {
namespace {

TEST(FileMatches, NamesAPathAndAPattern) {
  EXPECT_EQ(parse_file_matches("6:/a:b/c:x:y"), std::pair(std::string("/a:b/c"), std::string("x:y")));
  EXPECT_EQ(parse_file_matches("6:/a:b/c:"), std::pair(std::string("/a:b/c"), std::string()));
  for (const auto* bad : {"", ":", "6", "6:", "6:/a:b/c", "7:/a:b/c:x", "0::x", "-1:/a:x", "99999999999999999999:/a:x"}) {
    EXPECT_FALSE(parse_file_matches(bad)) << bad;
  }
}

TEST(FileMatches, LookLineByLine) {
  EXPECT_EQ(search_lines("a\nPermitRootLogin no\r\nb", "^PermitRootLogin no$"), LineSearch::kFound);
  EXPECT_EQ(search_lines("a\nb", "a.*b"), LineSearch::kNotFound);
  EXPECT_EQ(search_lines("", ".*"), LineSearch::kNotFound);
  EXPECT_EQ(search_lines("x", "("), LineSearch::kNoPattern);
  // A pattern that makes backtracking engines stand still.
  EXPECT_EQ(search_lines(std::string(10'000, 'a'), "(a*)*(a|aa)*b"), LineSearch::kNotFound);
}

TEST(FileMatches, OfALongLineKnowOnlyWhatIsFoundBeforeItsCut) {
  const std::string line(kMaxMatchedLine, 'a');
  EXPECT_EQ(search_lines(line, "z"), LineSearch::kNotFound);
  EXPECT_EQ(search_lines(line + "z\n", "z"), LineSearch::kLineTooLong);
  EXPECT_EQ(search_lines(line + "z\n", "aa$"), LineSearch::kLineTooLong);  // the cut is no end
  EXPECT_EQ(search_lines(line + "z\n", "^aa"), LineSearch::kFound);
  EXPECT_EQ(search_lines(line + "z\nz\n", "z"), LineSearch::kFound);
}

TEST(FileMatches, TakeNoPatternThatMakesMuchWork) {
  EXPECT_EQ(search_lines("x", "((a?){200}){4}a{200}b"), LineSearch::kPatternTooLarge);
  EXPECT_EQ(search_lines("x", "((((a{30}){30}){30}){30}){30}"), LineSearch::kPatternTooLarge);
  EXPECT_EQ(search_lines("x", "a[ab]{1000}c"), LineSearch::kNotFound);
}

/// A processor on which each look at the clock comes a fifth of the limit after the one before.
std::chrono::nanoseconds looks{0};
std::chrono::nanoseconds slow_processor() { return looks += kMaxSearch / 5; }

TEST(FileMatches, EndWithTheTimeThatTheyMayTake) {
  std::string text;
  for (int i = 0; i < 100'000; ++i) text += "nothing of note\n";
  const std::string first = "needle\n";
  EXPECT_EQ(search_lines(text, "needle", slow_processor), LineSearch::kTooSlow);
  EXPECT_EQ(search_lines(first + text, "needle", slow_processor), LineSearch::kFound);
  EXPECT_EQ(search_lines("nothing\n", "needle", slow_processor), LineSearch::kNotFound);
  EXPECT_EQ(search_lines(text, "needle"), LineSearch::kNotFound);
}

TEST(FileMatches, TakeAboutASecondAtWorst) {
  // What nothing but automata would be fast on, and they are not: each byte makes a new state.
  std::string text(16u << 20, 'a');
  std::uint32_t random = 1;
  for (auto& c : text) c = ((random = random * 1'103'515'245 + 12'345) >> 16 & 1) != 0 ? 'a' : 'b';
  for (std::size_t at = 60'000; at < text.size(); at += 60'001) text[at] = '\n';
  for (const auto* pattern : {"a[ab]{1000}c", "(a?){500}z", "a.{100}z"}) {
    const auto before = processor_time();
    EXPECT_NE(search_lines(text, pattern), LineSearch::kFound) << pattern;
    EXPECT_LT(processor_time() - before, 10 * kMaxSearch) << pattern;  // wide: under sanitizers too
  }
}

using FilesFamily = AskedLab;

TEST_F(FilesFamily, ThatAreThereAreDescribed) {
  put("etc/x.conf", "one\ntwo = 2\n");
  EXPECT_EQ(said(keys::file_exists("/etc/x.conf")), "yes");
  EXPECT_EQ(said(keys::with(keys::kFileSha256, "/etc/x.conf")), to_hex_lower(sha256("one\ntwo = 2\n")));
  EXPECT_EQ(said(keys::file_matches("/etc/x.conf", "^two *=")), "yes");
  EXPECT_EQ(said(keys::file_matches("/etc/x.conf", "^three")), "no");
  const utimbuf times{1'700'000'000, 1'700'000'000};
  ASSERT_EQ(utime((root_ / "etc/x.conf").c_str(), &times), 0);
  EXPECT_EQ(said(keys::with(keys::kFileModifiedAt, "/etc/x.conf")), "1700000000000");
  EXPECT_EQ(said(keys::with(keys::kDirectoryExists, "/etc")), "yes");
  EXPECT_EQ(said(keys::with(keys::kDirectoryExists, "/etc/x.conf")), "no");
  EXPECT_EQ(ask(keys::file_exists("/etc/x.conf")).source, "/etc/x.conf");
}

TEST_F(FilesFamily, WhatIsWrittenThroughAMappingIsSeenAfterAWhile) {
  put("etc/mapped", "one");
  const auto path = root_ / "etc/mapped";
  const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_GE(fd, 0);
  auto* content = static_cast<char*>(::mmap(nullptr, 3, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
  ASSERT_NE(content, MAP_FAILED);
  content[0] = 'O';  // the page is dirty from here on, and the file's times stand still
  const Now now = SystemClock().now();
  EXPECT_EQ(hash_file(path, now), to_hex_lower(sha256("One")));
  content[1] = 'N';
  EXPECT_EQ(hash_file(path, {now.wall + kTrustedAfterChange, now.mono + kTrustedAfterChange}), to_hex_lower(sha256("ONe")));
  // Of a file that had not changed for long when it was read, the same takes longer.
  const Now later{now.wall + 2 * kSettled, now.mono + 2 * kSettled};
  EXPECT_EQ(hash_file(path, later), to_hex_lower(sha256("ONe")));
  content[2] = 'E';
  EXPECT_EQ(hash_file(path, {later.wall + kTrusted, later.mono + kTrusted}), to_hex_lower(sha256("ONE")));
  ::munmap(content, 3);
  ::close(fd);
}

TEST_F(FilesFamily, LooksAgainWhereTheKernelMayTellNothing) {
  const auto look = [&](const std::string& key) {
    const auto& family = *family_of(key);
    Facts facts(root_, WallTime{});
    return family.triggers(Question({key}), facts).interval;
  };
  EXPECT_EQ(look(keys::file_exists("/etc/x")), Seconds(0));
  EXPECT_EQ(look(keys::with(keys::kDirectoryExists, "/etc")), Seconds(0));
  EXPECT_EQ(look(keys::with(keys::kFileSha256, "/etc/x")), Seconds(60));
  EXPECT_EQ(look(keys::with(keys::kFileModifiedAt, "/etc/x")), Seconds(60));
  EXPECT_EQ(look(keys::file_matches("/etc/x", ".")), Seconds(60));
}

TEST_F(FilesFamily, ThatAreMissingAreKnownToBe) {
  EXPECT_EQ(said(keys::file_exists("/etc/x")), "no");
  EXPECT_EQ(said(keys::with(keys::kFileSha256, "/etc/x")), "");
  EXPECT_EQ(said(keys::with(keys::kFileModifiedAt, "/etc/x")), "0");
  EXPECT_EQ(said(keys::file_matches("/etc/x", ".")), "no");
  EXPECT_EQ(said(keys::with(keys::kDirectoryExists, "/etc/x")), "no");
}

TEST_F(FilesFamily, PipesAndEndlessFilesHangNobody) {
  ASSERT_EQ(mkfifo((root_ / "pipe").c_str(), 0600), 0);
  EXPECT_EQ(said(keys::file_exists("/pipe")), "no");
  EXPECT_EQ(said(keys::with(keys::kFileSha256, "/pipe")), "");
  EXPECT_EQ(said(keys::file_matches("/pipe", ".")), "no");
  put("large", "");
  ASSERT_EQ(truncate((root_ / "large").c_str(), static_cast<off_t>(kMaxMatchedBytes) + 1), 0);
  EXPECT_EQ(said(keys::file_matches("/large", ".")), "unknown: failed");
  EXPECT_EQ(ask(keys::file_matches("/large", ".")).source, "/large: it is larger than 16 MiB");
  link("loop", "loop");
  EXPECT_EQ(said(keys::file_exists("/loop")), "unknown: failed");
  for (const auto& key : {keys::file_exists("/loop"), keys::file_matches("/loop", "."), keys::with(keys::kFileSha256, "/loop"),
                          keys::with(keys::kFileModifiedAt, "/loop"), keys::with(keys::kDirectoryExists, "/loop")}) {
    EXPECT_EQ(ask(key).source, "/loop: a loop of links") << key;
  }
}

TEST_F(FilesFamily, AHashIsThatOfTheFileAsItIsNow) {
  const auto key = keys::with(keys::kFileSha256, "/x");
  put("x", "1");
  EXPECT_EQ(said(key), to_hex_lower(sha256("1")));
  EXPECT_EQ(said(key), to_hex_lower(sha256("1")));
  put("x", "2");
  EXPECT_EQ(said(key), to_hex_lower(sha256("2")));
}

TEST_F(FilesFamily, APatternThatIsNoneAndAKeyThatIsNoneAreUnknown) {
  put("x", "1");
  EXPECT_EQ(said(keys::file_matches("/x", "(")), "unknown: failed");
  EXPECT_EQ(ask(keys::file_matches("/x", "(")).source, "/x: the pattern is no regular expression of RE2's");
  EXPECT_EQ(said(keys::with(keys::kFileMatches, "nonsense")), "unknown: unsupported");
  EXPECT_EQ(said(std::string("file.colour:/x")), "unknown: unsupported");
  EXPECT_EQ(ask(std::string("file.colour:/x")).source, "this agent does not know it");
}

}  // namespace
}  // namespace postern::agent
