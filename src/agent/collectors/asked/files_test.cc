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
  EXPECT_EQ(any_line_matches("a\nPermitRootLogin no\r\nb", "^PermitRootLogin no$"), true);
  EXPECT_EQ(any_line_matches("a\nb", "a.*b"), false);
  EXPECT_EQ(any_line_matches("", ".*"), false);
  EXPECT_EQ(any_line_matches("x", "("), std::nullopt);
  EXPECT_EQ(any_line_matches(std::string(kMaxMatchedLine, 'a') + "z\n", "z"), false);
  // A pattern that makes backtracking engines stand still.
  EXPECT_EQ(any_line_matches(std::string(10'000, 'a'), "(a*)*(a|aa)*b"), false);
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
  link("loop", "loop");
  EXPECT_EQ(said(keys::file_exists("/loop")), "unknown: failed");
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
  EXPECT_EQ(said(keys::with(keys::kFileMatches, "nonsense")), "unknown: unsupported");
  EXPECT_EQ(said(std::string("file.colour:/x")), "unknown: unsupported");
  EXPECT_EQ(ask(std::string("file.colour:/x")).source, "this agent does not know it");
}

}  // namespace
}  // namespace postern::agent
