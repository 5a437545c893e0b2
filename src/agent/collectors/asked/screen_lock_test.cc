#include "agent/collectors/asked/screen_lock.h"

#include <gtest/gtest.h>

#include "agent/collectors/asked/asked_lab.h"

namespace postern::agent {
namespace {

constexpr const char* kGnome =
    "[org/gnome/desktop/session]\nidle-delay=uint32 300\n\n[org/gnome/desktop/screensaver]\nlock-enabled=true\n"
    "lock-delay=uint32 30\n";
constexpr const char* kGnomeLocks = "/org/gnome/desktop/session/idle-delay\n/org/gnome/desktop/screensaver/lock-enabled\n";

using ScreenLock = AskedLab;

TEST_F(ScreenLock, OfGnomeHoldsWhereNobodyCanChangeIt) {
  EXPECT_EQ(said(keys::kScreenLock), "unknown: unsupported");
  put("etc/dconf/db/local.d/00-lock", kGnome);
  EXPECT_EQ(said(keys::kScreenLock), "unknown: unsupported");
  put("etc/dconf/db/local.d/locks/lock", kGnomeLocks);
  EXPECT_EQ(said(keys::kScreenLock), "yes");
  EXPECT_EQ(said(keys::kScreenLockSeconds), "330");
  put("etc/dconf/db/local.d/10-later", "[org/gnome/desktop/session]\nidle-delay=uint32 0\n");
  EXPECT_EQ(said(keys::kScreenLock), "no");
  EXPECT_EQ(said(keys::kScreenLockSeconds), "unknown: unsupported");
}

TEST_F(ScreenLock, OfKdeHoldsWhereItIsImmutable) {
  put("etc/xdg/kscreenlockerrc", "[Daemon]\nAutolock=true\nTimeout=10\nLockGrace=5\n");
  EXPECT_EQ(said(keys::kScreenLock), "unknown: unsupported");
  put("etc/xdg/kscreenlockerrc", "[Daemon][$i]\nAutolock=true\nTimeout=10\nLockGrace=5\n");
  EXPECT_EQ(said(keys::kScreenLock), "yes");
  EXPECT_EQ(said(keys::kScreenLockSeconds), "605");
  put("etc/xdg/kscreenlockerrc", "[Daemon][$i]\nAutolock=false\nTimeout=10\n");
  EXPECT_EQ(said(keys::kScreenLock), "no");
}

TEST(ScreenLockSettings, BrokenOnesSetNothing) {
  ScreenLockSettings s;
  parse_dconf_keyfile("[org/gnome/desktop/session\nidle-delay=uint32 x\n[\n=\nlock-enabled", s);
  parse_kscreenlockerrc("[Daemon]\nTimeout=99999999999999999999\nAutolock=perhaps\n", s);
  EXPECT_FALSE(s.enabled);
  EXPECT_FALSE(s.idle_seconds);
}

}  // namespace
}  // namespace postern::agent
