#include "agent/collectors/packages/update_logs.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "agent/collectors/root_lab.h"

namespace postern::agent {
namespace {

TEST(UpdateLogs, TellWhenPackagesWereUpgraded) {
  EXPECT_EQ(last_dpkg_upgrade("2026-11-01 10:00:00 startup packages configure\n"
                              "2026-11-02 10:00:00 upgrade libc6:amd64 2.36-9 2.36-10\n"
                              "2026-11-03 11:12:13 upgrade zlib1g:amd64 1 2\n"
                              "2026-11-04 10:00:00 install new:amd64 <none> 1\n"
                              "2026-11-05 10:00:00 status installed upgrade :amd64 1\n"),
            local_time(2026, 11, 3, 11, 12, 13));
  EXPECT_EQ(last_dpkg_upgrade("2026-11-04 10:00:00 install new:amd64 <none> 1\n"), std::nullopt);
  EXPECT_EQ(last_dpkg_upgrade("upgrade\n\n\n2026 upgrade"), std::nullopt);
  EXPECT_EQ(
      last_apt_upgrade("\nStart-Date: 2026-11-01  10:00:00\nCommandline: apt upgrade\n"
                       "Upgrade: libc6:amd64 (1, 2)\nEnd-Date: 2026-11-01  10:01:02\n\n"
                       "Start-Date: 2026-11-09  10:00:00\nInstall: x:amd64 (1)\nEnd-Date: 2026-11-09  10:01:02\n"),
      local_time(2026, 11, 1, 10, 1, 2));
  EXPECT_EQ(last_apt_upgrade("Upgrade: x\nEnd-Date: never\n"), std::nullopt);
}

TEST(UpdateLogs, OfNoTimeSayNothing) {
  for (const auto* bad : {"", "2026-11-01", "2026-11-01 25:00:00", "2026-13-01 10:00:00", "2026/11/01 10:00:00",
                          "2026-11-01T10:00:00", "2026-11-01  10:00", "1900-01-01 00:00:00"}) {
    EXPECT_EQ(parse_local_time(bad), std::nullopt) << bad;
  }
}

TEST(UpdateLogs, OfDnfNameWhatReplacedSomething) {
  EXPECT_EQ(last_dnf_upgrade("2026-02-14T09:30:12+0000 SUBDEBUG Upgrade: openssl-libs-1:3.2.2-6.el9.x86_64\n"
                             "2026-02-14T10:30:14+0100 SUBDEBUG Upgraded: openssl-libs-1:3.0.7-27.el9.x86_64\n"
                             "2026-03-01T10:00:00+0000 SUBDEBUG Installed: vim-enhanced-2:9.1.083-1.el9.x86_64\n"),
            1'771'061'412'000);
  EXPECT_EQ(last_dnf_upgrade("2026-02-14T09:30:12Z SUBDEBUG Upgrade: a-1-1.noarch"), 1'771'061'412'000);
  EXPECT_EQ(last_dnf_upgrade("2026-02-14T04:00:12-0530 SUBDEBUG Upgrade: a-1-1.noarch"), 1'771'061'412'000);
  for (const auto* none : {"", "2026-03-01T10:00:00+0000 SUBDEBUG Installed: Upgrade: x", "x SUBDEBUG Upgrade: y",
                           "2026-03-01T10:00:00 SUBDEBUG Upgrade: y", "2026-03-01T10:00:00+99 SUBDEBUG Upgrade: y"}) {
    EXPECT_EQ(last_dnf_upgrade(none), std::nullopt) << none;
  }
}

TEST(UpdateLogs, OfZyppNamePatchesThatAreApplied) {
  EXPECT_EQ(
      last_zypp_patch("# 2026-10-01 comment\n2026-10-02 15:07:02|command|root@host|'zypper' 'up'|\n"
                      "2026-10-02 15:07:03|install|ca-certificates|2.84-1|noarch||repo-oss|00|\n"
                      "2026-10-02 15:07:04|patch  |openSUSE-1790|1|noarch|repo-oss|moderate|security|needed|applied|\n"
                      "2026-10-03 10:00:00|install|vim|9-1|x86_64||repo-oss|00|\n"),
      local_time(2026, 10, 2, 15, 7, 4));
  EXPECT_EQ(last_zypp_patch("2026-10-02 15:07:04|patch  |x|1|noarch|repo|moderate|security|needed|unneeded|\n"),
            std::nullopt);
  EXPECT_EQ(last_zypp_patch("|patch|||||||||applied|\npatch|applied"), std::nullopt);
}

}  // namespace
}  // namespace postern::agent
