#include "vuln/root_inventory.h"

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <stdlib.h>

#include <fstream>

#include "vuln/rpm_database.h"
#include "vuln/rpm_lab.h"

namespace postern::vuln {
namespace {

namespace fs = std::filesystem;

class RootInventory : public testing::Test {
 protected:
  RootInventory() {
    std::string name = (fs::temp_directory_path() / "postern-inventory-XXXXXX").native();
    root_ = ::mkdtemp(name.data());
  }
  ~RootInventory() override { fs::remove_all(root_); }

  void put_file(const char* name, std::string_view text) {
    fs::create_directories((root_ / name).parent_path());
    std::ofstream(root_ / name, std::ios::binary) << text;
  }
  void expect_error(ErrorCode code, std::string_view says) {
    const auto inventory = read_root_inventory(root_, &database_);
    ASSERT_FALSE(inventory);
    EXPECT_EQ(inventory.error().code, code);
    EXPECT_NE(inventory.error().message.find(says), std::string::npos) << inventory.error().message;
  }
  Inventory read() {
    auto inventory = read_root_inventory(root_, &database_);
    EXPECT_TRUE(inventory) << inventory.error().message;
    return inventory ? *inventory : Inventory{};
  }

  fs::path root_;
  std::string database_;
};

const std::vector<std::string> kTwoRpms = {
    rpm_header_blob({"bash", 0, "5.1.8", "9.el9", "x86_64", "bash-5.1.8-9.el9.src.rpm"}),
    rpm_header_blob({"openssl-libs", 1, "3.0.7", "27.el9", "x86_64", "openssl-3.0.7-27.el9.src.rpm"})};
constexpr std::string_view kRocky = "ID=\"rocky\"\nVERSION_ID=\"9.4\"\n";
constexpr std::string_view kDpkgEntry =
    "Package: zlib1g\nStatus: install ok installed\nArchitecture: amd64\nSource: zlib\nVersion: 1:1.2\n\n";

TEST_F(RootInventory, OfAnRpmSystem) {
  put_file("etc/os-release", kRocky);
  for (const char* directory : {"var/lib/rpm", "usr/lib/sysimage/rpm"}) {
    write_rpm_database(root_ / directory / "rpmdb.sqlite", kTwoRpms);
    const auto inventory = read();
    ASSERT_EQ(inventory.packages.size(), 2u);
    EXPECT_EQ(inventory.packages[1],
              (Package{"openssl-libs", "x86_64", "1:3.0.7-27.el9", "openssl", "1:3.0.7-27.el9"}));
    EXPECT_EQ(database_, std::string("/") + directory + "/rpmdb.sqlite");
  }
}

TEST_F(RootInventory, WhatRpmStillHasInItsLogIsReadAndTheDatabaseLeftAsItIs) {
  put_file("etc/os-release", kRocky);
  const auto file = root_ / "var/lib/rpm/rpmdb.sqlite";
  write_rpm_database(file, kTwoRpms, true);
  const auto log = file.native() + "-wal";
  ASSERT_GT(fs::file_size(log), 0u);
  const auto sizes = std::pair(fs::file_size(file), fs::file_size(log));
  EXPECT_EQ(read().packages.size(), 2u);
  EXPECT_EQ(std::pair(fs::file_size(file), fs::file_size(log)), sizes);
  fs::remove(log);  // Without it the table is empty.
  expect_error(ErrorCode::kInvalidArgument, "rpm's database lists no installed package");
}

TEST_F(RootInventory, OfAlpine) {
  put_file("etc/os-release", "ID=alpine\nVERSION_ID=3.19.1\n");
  put_file("lib/apk/db/installed", "P:musl\nV:1.2.4-r4\nA:x86_64\no:musl\n\n");
  EXPECT_EQ(read().packages[0].source_version, "1.2.4-r4");
  EXPECT_EQ(database_, "/lib/apk/db/installed");
  fs::rename(root_ / "lib", root_ / "usr");
  fs::create_directories(root_ / "usr/lib");
  fs::rename(root_ / "usr/apk", root_ / "usr/lib/apk");
  read();
  EXPECT_EQ(database_, "/usr/lib/apk/db/installed");
}

TEST_F(RootInventory, TheDistributionSaysWhichDatabaseCounts) {
  write_rpm_database(root_ / "var/lib/rpm/rpmdb.sqlite", kTwoRpms);
  put_file("var/lib/dpkg/status", kDpkgEntry);
  put_file("etc/os-release", kRocky);
  EXPECT_EQ(read().packages[0].name, "bash");
  put_file("etc/os-release", "ID=debian\nVERSION_ID=12\n");
  EXPECT_EQ(read().packages[0].name, "zlib1g");
  put_file("etc/os-release", "ID=alpine\nVERSION_ID=3.19\n");
  expect_error(ErrorCode::kNotFound, "(alpine 3.19) has no lib/apk/db/installed");
  put_file("etc/os-release", "ID=fedora\nVERSION_ID=40\n");  // Not judged: what is there is told.
  fs::remove(root_ / "var/lib/dpkg/status");
  EXPECT_EQ(read().packages[0].name, "bash");
}

TEST_F(RootInventory, OfSuse) {
  put_file("etc/os-release", "ID=opensuse-leap\nVERSION_ID=\"15.6\"\n");
  put_file("usr/lib/sysimage/rpm/Packages.db", rpm_ndb_bytes(kTwoRpms));
  EXPECT_EQ(read().packages.size(), 2u);
  EXPECT_EQ(database_, "/usr/lib/sysimage/rpm/Packages.db");
  put_file("usr/lib/sysimage/rpm/Packages.db", "RpmP");
  expect_error(ErrorCode::kDataLoss, "Packages.db");
}

TEST_F(RootInventory, OlderFormatsOfRpmAreNamed) {
  put_file("etc/os-release", kRocky);
  put_file("var/lib/rpm/Packages", "anything");
  expect_error(ErrorCode::kUnsupported, "/var/lib/rpm/Packages is rpm's database in the format Berkeley DB");
  EXPECT_EQ(database_, "/var/lib/rpm/Packages");
}

TEST_F(RootInventory, ADatabaseThatIsNoneOfRpmsIsRefused) {
  put_file("etc/os-release", kRocky);
  const char* file = "var/lib/rpm/rpmdb.sqlite";
  put_file(file, "no database at all, but as long as the first page's head: " + std::string(200, '.'));
  expect_error(ErrorCode::kDataLoss, "rpm's database cannot be read");
  put_file(file, "");
  expect_error(ErrorCode::kDataLoss, "no table Packages");
  fs::remove(root_ / file);
  write_rpm_database(root_ / file, {"no header"});
  expect_error(ErrorCode::kInvalidArgument, "a package's header");
  const auto size = fs::file_size(root_ / file);
  fs::resize_file(root_ / file, size / 2);
  expect_error(ErrorCode::kDataLoss, "rpm's database cannot be read");
}

TEST_F(RootInventory, NothingThatADatabaseBringsIsRun) {
  put_file("etc/os-release", kRocky);
  const auto file = root_ / "var/lib/rpm/rpmdb.sqlite";
  fs::create_directories(file.parent_path());
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(file.c_str(), &db), SQLITE_OK);
  const char* endless =
      "CREATE VIEW Packages AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x AS blob FROM n";
  ASSERT_EQ(sqlite3_exec(db, endless, nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(db);
  expect_error(ErrorCode::kDataLoss, "no table Packages");
}

TEST_F(RootInventory, LinksDoNotLeadOutOfIt) {
  put_file("etc/os-release", "ID=debian\nVERSION_ID=12\n");
  fs::create_directories(root_ / "var/lib/dpkg");
  fs::create_symlink("/kept/status", root_ / "var/lib/dpkg/status");
  expect_error(ErrorCode::kNotFound, "has no var/lib/dpkg/status");
  put_file("kept/status", kDpkgEntry);
  EXPECT_EQ(read().packages.size(), 1u);
}

TEST_F(RootInventory, WithoutPackagesSaysWhatIsMissing) {
  expect_error(ErrorCode::kNotFound, "is it the root of a file system?");
  put_file("usr/lib/os-release", "ID=arch\n");
  expect_error(ErrorCode::kNotFound, "has no var/lib/dpkg/status, var/lib/rpm/rpmdb.sqlite or lib/apk/db/installed");
}

}  // namespace
}  // namespace postern::vuln
