#include "agent/collectors/packages/packages.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>

#include "agent/collectors/root_lab.h"
#include "base/hex.h"
#include "base/sha256.h"
#include "posture/fact_keys.h"

namespace postern::agent {
namespace {

namespace keys = posture::keys;

using Packages = RootLab;

TEST_F(Packages, GiveAnInventoryAndItsHashOrTheReasonWhyNot) {
  {
    Facts none(root_, from_unix_ms(1));
    EXPECT_EQ(read_packages(none), "");
    EXPECT_EQ(none.map().at(std::string(keys::kInventoryHash)).as<posture::Unknown>()->reason,
              posture::UnknownReason::kUnsupported);
  }
  put("etc/os-release", "ID=debian\nVERSION_ID=12\n");
  put("var/lib/dpkg/status",
      "Package: zlib1g\nStatus: install ok installed\nArchitecture: amd64\nSource: zlib\nVersion: 1:1.2\n\n"
      "Package: gone\nStatus: deinstall ok config-files\nArchitecture: all\nVersion: 1\n");
  Facts facts(root_, from_unix_ms(1));
  const auto inventory = read_packages(facts);
  EXPECT_NE(inventory.find("distro debian 12\nzlib1g amd64 1:1.2 zlib 1:1.2\n"), inventory.npos) << inventory;
  EXPECT_EQ(inventory.find("gone"), inventory.npos);
  EXPECT_EQ(*facts.map().at(std::string(keys::kInventoryHash)).as<std::string>(), to_hex_upper(sha256(inventory)));
  put("var/lib/dpkg/status", "Package: x\nStatus: install ok installed\n");  // no version
  Facts broken(root_, from_unix_ms(1));
  EXPECT_EQ(read_packages(broken), "");
  EXPECT_FALSE(broken.map().at(std::string(keys::kInventoryHash)).known());
}

TEST_F(Packages, OfApkAreReadWhereTheDistributionIsAlpine) {
  put("etc/os-release", "ID=alpine\nVERSION_ID=3.19.1\n");
  put("lib/apk/db/installed", "P:musl\nV:1.2.4-r4\nA:x86_64\no:musl\n\n");
  Facts facts(root_, from_unix_ms(1));
  EXPECT_EQ(package_database(facts), "/lib/apk/db/installed");
  EXPECT_EQ(read_packages(facts), "postern-inventory 1\ndistro alpine 3.19.1\nmusl x86_64 1.2.4-r4 musl 1.2.4-r4\n");
  EXPECT_EQ(facts.map().at(std::string(keys::kInventoryHash)).source, "/lib/apk/db/installed");
}

TEST_F(Packages, OfRpmInAFormatThatIsNotReadAreUnsupported) {
  put("etc/os-release", "ID=rocky\nVERSION_ID=8.10\n");
  put("var/lib/rpm/Packages", "");
  Facts facts(root_, from_unix_ms(1));
  EXPECT_EQ(read_packages(facts), "");
  const auto& hash = facts.map().at(std::string(keys::kInventoryHash));
  EXPECT_EQ(hash.as<posture::Unknown>()->reason, posture::UnknownReason::kUnsupported);
  EXPECT_EQ(hash.source, "/var/lib/rpm/Packages");
  EXPECT_EQ(package_database(facts), "");
}

TEST(PackageFiles, HoldEveryDatabase) {
  for (const auto database : kPackageDatabases)
    EXPECT_NE(std::find(std::begin(kPackageFiles), std::end(kPackageFiles), database), std::end(kPackageFiles))
        << database;
}

}  // namespace
}  // namespace postern::agent
