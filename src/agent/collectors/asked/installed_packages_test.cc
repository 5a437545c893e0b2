#include <gtest/gtest.h>

#include "agent/collectors/asked/asked_lab.h"

namespace postern::agent {
namespace {

using InstalledPackages = AskedLab;

TEST_F(InstalledPackages, HaveTheVersionsThatThePackageManagerKnows) {
  const auto versions = [](const char* name) { return keys::with(keys::kPackageVersions, name); };
  EXPECT_EQ(said(versions("zlib1g")), "unknown: unsupported");
  put("etc/os-release", "ID=debian\nVERSION_ID=12\n");
  put("var/lib/dpkg/status",
      "Package: zlib1g\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1:1.2\n\n"
      "Package: zlib1g\nStatus: install ok installed\nArchitecture: i386\nVersion: 1:1.3\n\n"
      "Package: gone\nStatus: deinstall ok config-files\nArchitecture: all\nVersion: 1\n");
  EXPECT_EQ(said(versions("zlib1g")), "1:1.2, 1:1.3");
  EXPECT_EQ(said(versions("gone")), "none");
  EXPECT_EQ(said(versions("other")), "none");
  put("var/lib/dpkg/status", "Package: x\nStatus: install ok installed\n");  // no version
  EXPECT_EQ(said(versions("zlib1g")), "unknown: failed");
}

}  // namespace
}  // namespace postern::agent
