#include "agent/collectors/asked/services.h"

#include <gtest/gtest.h>

#include "agent/collectors/asked/asked_lab.h"

namespace postern::agent {
namespace {

TEST(UnitStates, ComeInTheOrderOfTheUnits) {
  const auto states = parse_unit_states(
      "LoadState=loaded\nActiveState=active\nUnitFileState=enabled\n\n"
      "LoadState=not-found\nActiveState=inactive\nUnitFileState=\n\n"
      "LoadState=loaded\nActiveState=failed\nUnitFileState=static\n");
  ASSERT_EQ(states.size(), 3u);
  EXPECT_EQ(states[0], (UnitState{true, true, true}));
  EXPECT_EQ(states[1], (UnitState{}));
  EXPECT_EQ(states[2], (UnitState{true, false, false}));
  EXPECT_TRUE(parse_unit_states("").empty());
  EXPECT_TRUE(parse_unit_states("nonsense\n\n\n").empty());
}

TEST(UnitNames, AreOfOneUnit) {
  EXPECT_EQ(unit_name("ssh"), "ssh.service");
  EXPECT_EQ(unit_name("ssh.socket"), "ssh.socket");
  EXPECT_EQ(unit_name("getty@tty1.service"), "getty@tty1.service");
  for (const auto* bad : {"", "--all", "a*", "a b", "../x", "ä"}) EXPECT_EQ(unit_name(bad), "") << bad;
}

class ServicesFamily : public AskedLab {
 protected:
  std::string active(const char* name) { return said(keys::with(keys::kServiceActive, name)); }
  std::string enabled(const char* name) { return said(keys::with(keys::kServiceEnabled, name)); }
};

TEST_F(ServicesFamily, OfAnImageStartByTheirLinks) {
  EXPECT_EQ(enabled("ssh.service"), "unknown: unsupported");
  put("usr/lib/systemd/systemd", "x");
  link("etc/systemd/system/multi-user.target.wants/ssh.service", "/lib/systemd/system/ssh.service");
  EXPECT_EQ(enabled("ssh.service"), "no");  // its unit was removed
  put("lib/systemd/system/ssh.service", "[Service]\n");
  EXPECT_EQ(enabled("ssh.service"), "yes");
  EXPECT_EQ(enabled("ssh"), "yes");
  EXPECT_EQ(enabled("cron.service"), "no");
  EXPECT_EQ(enabled("../x"), "no");
  EXPECT_EQ(active("ssh.service"), "unknown: unsupported");
}

TEST_F(ServicesFamily, OfAnImageThatAreMaskedDoNotStart) {
  put("usr/lib/systemd/systemd", "x");
  put("lib/systemd/system/clamav-daemon.service", "[Service]\n");
  link("etc/systemd/system/multi-user.target.wants/clamav-daemon.service", "/lib/systemd/system/clamav-daemon.service");
  EXPECT_EQ(enabled("clamav-daemon"), "yes");
  link("etc/systemd/system/clamav-daemon.service", "/dev/null");
  EXPECT_EQ(enabled("clamav-daemon"), "no");
}

TEST_F(ServicesFamily, OfOpenrcAreWhereItKeepsThem) {
  started(SystemClock().now().wall);
  put("run/openrc/softlevel", "default");
  put("run/openrc/started/sshd", "");
  link("etc/runlevels/default/sshd", "/etc/init.d/sshd");
  link("etc/runlevels/default/crond", "/etc/init.d/crond");
  put("etc/init.d/crond", "");
  put("etc/init.d/sshd", "");
  EXPECT_EQ(active("sshd"), "yes");
  EXPECT_EQ(enabled("sshd.service"), "yes");
  EXPECT_EQ(active("crond"), "no");
  EXPECT_EQ(enabled("crond"), "yes");
  EXPECT_EQ(enabled("other"), "no");
  EXPECT_EQ(active("../started/sshd"), "unknown: unsupported");
}

TEST_F(ServicesFamily, WhatAnEarlierStartOfOpenrcLeftSaysNothing) {
  put("run/openrc/softlevel", "default");
  put("run/openrc/started/sshd", "");
  EXPECT_EQ(active("sshd"), "unknown: unsupported");  // an image's
  EXPECT_EQ(active("crond"), "unknown: unsupported");
  started(SystemClock().now().wall + Seconds(3600));
  EXPECT_EQ(active("sshd"), "unknown: unsupported");
  EXPECT_EQ(active("crond"), "unknown: unsupported");
  link("etc/runlevels/default/sshd", "/etc/init.d/sshd");
  put("etc/init.d/sshd", "");
  EXPECT_EQ(enabled("sshd"), "yes");
}

TEST_F(ServicesFamily, ADaemonOfOpenrcThatDiedIsNotKnownToRun) {
  started(SystemClock().now().wall);
  put("run/openrc/softlevel", "default");
  put("run/openrc/started/sshd", "");
  put("run/openrc/daemons/sshd/001", "exec=/usr/sbin/sshd\nargv_0=/usr/sbin/sshd\npidfile=/run/sshd.pid\n");
  EXPECT_EQ(active("sshd"), "unknown: failed");
  put("run/sshd.pid", "42\n");
  EXPECT_EQ(active("sshd"), "unknown: failed");
  runs(42, "sshd");
  EXPECT_EQ(active("sshd"), "yes");
  ends(42);
  EXPECT_EQ(active("sshd"), "unknown: failed");
}

}  // namespace
}  // namespace postern::agent
