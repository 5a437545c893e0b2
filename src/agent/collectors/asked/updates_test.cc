#include <gtest/gtest.h>
#include <sys/stat.h>
#include <utime.h>

#include <cstdlib>

#include "agent/collectors/asked/asked_lab.h"

namespace postern::agent {
namespace {

class UpdatesFamily : public AskedLab {
 protected:
  void dated(const char* path, int day) {
    put(path, "");
    const utimbuf times{day * 86'400, day * 86'400};
    ASSERT_EQ(utime((root_ / path).c_str(), &times), 0);
  }
  void systemd() { put("usr/lib/systemd/systemd", "program", 0755); }
  /// Installed and enabled.
  void timer(const std::string& name) {
    put(("usr/lib/systemd/system/" + name + ".timer").c_str(), "[Timer]\n");
    put(("usr/lib/systemd/system/" + name + ".service").c_str(), "[Service]\n");
    link("etc/systemd/system/timers.target.wants/" + name + ".timer", "/lib/systemd/system/" + name + ".timer");
  }
};

TEST_F(UpdatesFamily, AreTakenFromTheLogsOfThePackageManager) {
  EXPECT_EQ(said(keys::kUpdatedAt), "unknown: unsupported");
  put("var/log/dpkg.log", "2026-11-04 10:00:00 install new:amd64 <none> 1\n");
  EXPECT_EQ(said(keys::kUpdatedAt), "unknown: unsupported");
  put("var/log/dpkg.log.1", "2026-10-04 10:00:00 upgrade libc6:amd64 1 2\n");
  EXPECT_EQ(said(keys::kUpdatedAt), std::to_string(local_time(2026, 10, 4, 10, 0, 0)));
  put("var/log/apt/history.log", "Upgrade: libc6:amd64 (1, 2)\nEnd-Date: 2026-11-01  10:01:02\n");
  EXPECT_EQ(said(keys::kUpdatedAt), std::to_string(local_time(2026, 11, 1, 10, 1, 2)));
}

TEST_F(UpdatesFamily, AreNotWhatADatabasesTimeSays) {
  for (const auto* database :
       {"usr/lib/sysimage/rpm/rpmdb.sqlite", "var/lib/dnf/history.sqlite", "lib/apk/db/installed",
        "usr/lib/sysimage/libdnf5/transaction_history.sqlite", "var/log/zypp/history"}) {
    dated(database, 20'000);
  }
  EXPECT_EQ(said(keys::kUpdatedAt), "unknown: unsupported");
  put("var/log/dnf.rpm.log", "2026-03-01T10:00:00+0000 SUBDEBUG Installed: vim-2:9.1.083-1.el9.x86_64\n");
  EXPECT_EQ(said(keys::kUpdatedAt), "unknown: unsupported");
  put("var/log/dnf.rpm.log.1", "2026-02-14T09:30:12+0000 SUBDEBUG Upgrade: openssl-libs-1:3.2.2-6.el9.x86_64\n");
  EXPECT_EQ(said(keys::kUpdatedAt), "1771061412000");
  put("var/log/zypp/history", "2026-10-02 15:07:04|patch  |x|1|noarch|repo|moderate|security|needed|applied|\n");
  EXPECT_EQ(said(keys::kUpdatedAt), std::to_string(local_time(2026, 10, 2, 15, 7, 4)));
}

TEST_F(UpdatesFamily, AreLookedForWhenTheListsAreFetched) {
  EXPECT_EQ(said(keys::kUpdateCheckedAt), "unknown: unsupported");
  dated("var/cache/dnf/updates.solv", 20'000);
  EXPECT_EQ(said(keys::kUpdateCheckedAt), "1728000000000");
  // Lists that were thrown away were not fetched.
  put("var/lib/apt/lists/lock", "");
  EXPECT_EQ(said(keys::kUpdateCheckedAt), "1728000000000");
  put("var/lib/apt/lists/deb.debian.org_debian_dists_bookworm_InRelease", "x");
  EXPECT_EQ(ask(keys::kUpdateCheckedAt).source, "/var/lib/apt/lists");
  dated("var/lib/apt/periodic/update-success-stamp", 20'001);
  EXPECT_EQ(said(keys::kUpdateCheckedAt), "1728086400000");
}

TEST_F(UpdatesFamily, InstallThemselvesOnlyIfEverythingIsThere) {
  EXPECT_EQ(said(keys::kUpdateAutomatic), "unknown: unsupported");
  systemd();
  timer("apt-daily");
  timer("apt-daily-upgrade");
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
  put("etc/apt/apt.conf.d/99off", "#clear APT::Periodic;\n");
  EXPECT_EQ(said(keys::kUpdateAutomatic), "unknown: unsupported");
}

class AptTimers : public UpdatesFamily {
 protected:
  AptTimers() {
    put("etc/apt/apt.conf.d/20auto-upgrades",
        "APT::Periodic::Update-Package-Lists \"1\";\nAPT::Periodic::Unattended-Upgrade \"1\";\n");
    put("usr/bin/unattended-upgrade", "#!/usr/bin/python3\n");
    systemd();
    timer("apt-daily");
    timer("apt-daily-upgrade");
  }
  std::string why() const { return ask(keys::kUpdateAutomatic).source; }
};

TEST_F(AptTimers, ThatAreMaskedStartNothing) {
  EXPECT_EQ(said(keys::kUpdateAutomatic), "yes");
  link("etc/systemd/system/apt-daily-upgrade.timer", "/dev/null");
  EXPECT_EQ(said(keys::kUpdateAutomatic), "no");
  EXPECT_EQ(why(), "apt-daily-upgrade.timer does not start it");
}

TEST_F(AptTimers, OfAMaskedServiceStartNothing) {
  put("etc/systemd/system/apt-daily.service", "");
  EXPECT_EQ(said(keys::kUpdateAutomatic), "no");
  EXPECT_EQ(why(), "apt-daily.timer does not start it");
}

TEST_F(AptTimers, ThatAreNotEnabledStartNothing) {
  std::filesystem::remove(root_ / "etc/systemd/system/timers.target.wants/apt-daily.timer");
  EXPECT_EQ(said(keys::kUpdateAutomatic), "no");
}

TEST_F(AptTimers, OfAnImageWithoutSystemdAreUnknown) {
  std::filesystem::remove(root_ / "usr/lib/systemd/systemd");
  EXPECT_EQ(said(keys::kUpdateAutomatic), "unknown: unsupported");
}

TEST_F(UpdatesFamily, OfDnfHangOnItsTimer) {
  put("usr/bin/dnf", "");
  EXPECT_EQ(said(keys::kUpdateAutomatic), "unknown: unsupported");  // who would start it?
  systemd();
  EXPECT_EQ(said(keys::kUpdateAutomatic), "no");
  timer("dnf-automatic");
  put("etc/dnf/automatic.conf", "[commands]\napply_updates = no\n");
  EXPECT_EQ(said(keys::kUpdateAutomatic), "no");
  put("etc/dnf/automatic.conf", "[commands]\nupgrade_type = security\napply_updates = yes\n");
  EXPECT_EQ(said(keys::kUpdateAutomatic), "yes");
  link("etc/systemd/system/dnf-automatic.timer", "/dev/null");
  EXPECT_EQ(said(keys::kUpdateAutomatic), "no");
}

TEST_F(UpdatesFamily, OfDnfAreInstalledByTheTimerThatSaysSo) {
  put("usr/bin/dnf", "");
  systemd();
  put("etc/dnf/automatic.conf", "[commands]\napply_updates = no\n");
  timer("dnf-automatic");
  timer("dnf-automatic-install");
  EXPECT_EQ(said(keys::kUpdateAutomatic), "yes");
}

}  // namespace
}  // namespace postern::agent
