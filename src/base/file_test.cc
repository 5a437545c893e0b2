#include "base/file.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>

namespace postern {
namespace {

namespace fs = std::filesystem;

class OtherRoot : public testing::Test {
 protected:
  OtherRoot() {
    std::string name = (fs::temp_directory_path() / "postern-root-XXXXXX").native();
    root_ = ::mkdtemp(name.data());
    fs::create_directories(root_ / "usr/lib/rpm");
    fs::create_directories(root_ / "var/lib");
    fs::create_directories(root_ / "etc");
  }
  ~OtherRoot() override { fs::remove_all(root_); }

  fs::path root_;
};

TEST_F(OtherRoot, LinksLeadIntoIt) {
  fs::create_symlink("/usr/lib/os-release", root_ / "etc/os-release");
  EXPECT_EQ(path_in_root(root_, "/etc/os-release"), root_ / "usr/lib/os-release");
  fs::create_symlink("../../usr/lib/rpm", root_ / "var/lib/rpm");  // Of a directory on the way.
  EXPECT_EQ(path_in_root(root_, "/var/lib/rpm/x"), root_ / "usr/lib/rpm/x");
  fs::create_symlink("../../../../../../etc/passwd", root_ / "etc/out");
  EXPECT_EQ(path_in_root(root_, "/etc/out"), root_ / "etc/passwd");
  EXPECT_EQ(path_in_root(root_, "/etc/../../../usr/lib"), root_ / "usr/lib");
  EXPECT_EQ(path_in_root(root_, "/not/there"), root_ / "not/there");
}

TEST_F(OtherRoot, ALoopOfLinksIsAFailureAndNotNothing) {
  fs::create_symlink("/etc/b", root_ / "etc/a");
  fs::create_symlink("/etc/a", root_ / "etc/b");
  const auto read = read_file(path_in_root(root_, "/etc/a"), 100);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::kUnavailable) << read.error().message;
  EXPECT_EQ(read.error().message, "opening a file below " + root_.native() + ": its symbolic links lead in a circle");
}

}  // namespace
}  // namespace postern
