#include "agent/collectors/asked/updates.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <utime.h>

#include <cstdlib>
#include <ctime>

#include "agent/collectors/asked/asked_lab.h"

namespace postern::agent {
namespace {

/// What the machine's own clock of days makes of it.
std::int64_t local(int year, int month, int day, int hour, int minute, int second) {
  std::tm tm{};
  tm.tm_year = year - 1900;
  tm.tm_mon = month - 1;
  tm.tm_mday = day;
  tm.tm_hour = hour;
  tm.tm_min = minute;
  tm.tm_sec = second;
  tm.tm_isdst = -1;
  return std::int64_t{std::mktime(&tm)} * 1000;
}

TEST(UpdateLogs, TellWhenPackagesWereUpgraded) {
  EXPECT_EQ(last_dpkg_upgrade("2026-11-01 10:00:00 startup packages configure\n"
                              "2026-11-02 10:00:00 upgrade libc6:amd64 2.36-9 2.36-10\n"
                              "2026-11-03 11:12:13 upgrade zlib1g:amd64 1 2\n"
                              "2026-11-04 10:00:00 install new:amd64 <none> 1\n"
                              "2026-11-05 10:00:00 status installed upgrade :amd64 1\n"),
            local(2026, 11, 3, 11, 12, 13));
  EXPECT_EQ(last_dpkg_upgrade("2026-11-04 10:00:00 install new:amd64 <none> 1\n"), std::nullopt);
  EXPECT_EQ(last_dpkg_upgrade("upgrade\n\n\n2026 upgrade"), std::nullopt);
  EXPECT_EQ(last_apt_upgrade("\nStart-Date: 2026-11-01  10:00:00\nCommandline: apt upgrade\n"
                             "Upgrade: libc6:amd64 (1, 2)\nEnd-Date: 2026-11-01  10:01:02\n\n"
                             "Start-Date: 2026-11-09  10:00:00\nInstall: x:amd64 (1)\nEnd-Date: 2026-11-09  10:01:02\n"),
            local(2026, 11, 1, 10, 1, 2));
  EXPECT_EQ(last_apt_upgrade("Upgrade: x\nEnd-Date: never\n"), std::nullopt);
}

TEST(UpdateLogs, OfNoTimeSayNothing) {
  for (const auto* bad : {"", "2026-11-01", "2026-11-01 25:00:00", "2026-13-01 10:00:00", "2026/11/01 10:00:00",
                          "2026-11-01T10:00:00", "2026-11-01  10:00", "1900-01-01 00:00:00"}) {
    EXPECT_EQ(parse_local_time(bad), std::nullopt) << bad;
  }
}

TEST(AptConf, IsReadAsAptReadsIt) {
  AptSettings settings;
  parse_apt_conf("// comment\nAPT::Periodic::Update-Package-Lists \"1\";\n/* more\n */ # and\n"
                 "APT { Periodic { Unattended-Upgrade \"7\"; }; Never-MarkAuto-Sections { \"metapackages\"; }; };\n"
                 "DPkg::Post-Invoke {\"rm -f /x; true\";};\nDir::Log \"a\"", settings);
  EXPECT_EQ(settings["apt::periodic::update-package-lists"], "1");
  EXPECT_EQ(settings["apt::periodic::unattended-upgrade"], "7");
  EXPECT_EQ(settings["dir::log"], "a");
  parse_apt_conf("apt::periodic::unattended-upgrade \"0\";", settings);
  EXPECT_EQ(settings["apt::periodic::unattended-upgrade"], "0");
}

TEST(AptConf, BrokenOnesEndSomewhere) {
  AptSettings settings;
  parse_apt_conf("a \"open", settings);
  EXPECT_EQ(settings["a"], "open");
  parse_apt_conf("}}}};;; \"\" { x 1; /* open", settings);
  parse_apt_conf(std::string(100'000, '{'), settings);
  std::string many;
  for (int i = 0; i < 10'000; ++i) many += "k" + std::to_string(i) + " \"v\";";
  parse_apt_conf(many, settings);
  EXPECT_LE(settings.size(), kMaxAptSettings);
}

TEST(AptConf, IsTakenByItsName) {
  EXPECT_TRUE(is_apt_conf_name("20auto-upgrades"));
  EXPECT_TRUE(is_apt_conf_name("50unattended.conf"));
  EXPECT_FALSE(is_apt_conf_name("20auto-upgrades.dpkg-old"));
  EXPECT_FALSE(is_apt_conf_name("x~"));
  EXPECT_FALSE(is_apt_conf_name(".conf"));
}

class UpdatesFamily : public AskedLab {
 protected:
  void dated(const char* path, int day) {
    put(path, "");
    const utimbuf times{day * 86'400, day * 86'400};
    ASSERT_EQ(utime((root_ / path).c_str(), &times), 0);
  }
};

TEST_F(UpdatesFamily, AreTakenFromTheLogsOfThePackageManager) {
  EXPECT_EQ(said(keys::kUpdatedAt), "unknown: unsupported");
  put("var/log/dpkg.log", "2026-11-04 10:00:00 install new:amd64 <none> 1\n");
  EXPECT_EQ(said(keys::kUpdatedAt), "unknown: unsupported");
  put("var/log/dpkg.log.1", "2026-10-04 10:00:00 upgrade libc6:amd64 1 2\n");
  EXPECT_EQ(said(keys::kUpdatedAt), std::to_string(local(2026, 10, 4, 10, 0, 0)));
  put("var/log/apt/history.log", "Upgrade: libc6:amd64 (1, 2)\nEnd-Date: 2026-11-01  10:01:02\n");
  EXPECT_EQ(said(keys::kUpdatedAt), std::to_string(local(2026, 11, 1, 10, 1, 2)));
}

TEST_F(UpdatesFamily, OfOtherPackageManagersAreAsOldAsTheirDatabases) {
  dated("usr/lib/sysimage/rpm/rpmdb.sqlite", 20'000);
  EXPECT_EQ(said(keys::kUpdatedAt), "1728000000000");
}

TEST_F(UpdatesFamily, AreLookedForWhenTheListsAreFetched) {
  EXPECT_EQ(said(keys::kUpdateCheckedAt), "unknown: unsupported");
  dated("var/cache/dnf/updates.solv", 20'000);
  EXPECT_EQ(said(keys::kUpdateCheckedAt), "1728000000000");
  dated("var/lib/apt/periodic/update-success-stamp", 20'001);
  EXPECT_EQ(said(keys::kUpdateCheckedAt), "1728086400000");
}

TEST_F(UpdatesFamily, InstallThemselvesOnlyIfEverythingIsThere) {
  EXPECT_EQ(said(keys::kUpdateAutomatic), "unknown: unsupported");
  put("etc/apt/apt.conf.d/20auto-upgrades",
      "APT::Periodic::Update-Package-Lists \"1\";\nAPT::Periodic::Unattended-Upgrade \"1\";\n");
  EXPECT_EQ(said(keys::kUpdateAutomatic), "no");
  EXPECT_EQ(ask(keys::kUpdateAutomatic).source, "unattended-upgrades is not installed");
  put("usr/bin/unattended-upgrade", "#!/usr/bin/python3\n");
  EXPECT_EQ(said(keys::kUpdateAutomatic), "yes");
  put("etc/apt/apt.conf.d/99off.disabled", "APT::Periodic::Enable \"0\";\n");  // apt does not read it
  EXPECT_EQ(said(keys::kUpdateAutomatic), "yes");
  put("etc/apt/apt.conf.d/99off", "APT::Periodic::Enable \"0\";\n");
  EXPECT_EQ(said(keys::kUpdateAutomatic), "no");
}

TEST_F(UpdatesFamily, OfDnfHangOnItsTimer) {
  put("usr/bin/dnf", "");
  EXPECT_EQ(said(keys::kUpdateAutomatic), "no");
  put("etc/systemd/system/timers.target.wants/dnf-automatic.timer", "");
  put("etc/dnf/automatic.conf", "[commands]\napply_updates = no\n");
  EXPECT_EQ(said(keys::kUpdateAutomatic), "no");
  put("etc/dnf/automatic.conf", "[commands]\nupgrade_type = security\napply_updates = yes\n");
  EXPECT_EQ(said(keys::kUpdateAutomatic), "yes");
}

}  // namespace
}  // namespace postern::agent
