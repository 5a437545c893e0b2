#include "agent/collectors/desktop/kde_screen_lock.h"

#include <gtest/gtest.h>

namespace postern::agent {
namespace {

TEST(KdeScreenLock, IsImmutableByFileGroupOrKey) {
  const auto whole = parse_kscreenlockerrc("[$i]\n[Daemon]\nAutolock=true\nTimeout=1\nLockGrace=2\n");
  EXPECT_EQ(whole.idle_seconds, 60);
  EXPECT_EQ(whole.delay_seconds, 2);
  const auto keys = parse_kscreenlockerrc("[Daemon]\nAutolock[$i]=true\nTimeout=1\nLockGrace[$i]=2\n");
  EXPECT_EQ(keys.enabled, true);
  EXPECT_FALSE(keys.idle_seconds);
  EXPECT_EQ(keys.delay_seconds, 2);
  // A group below it, and one of another name.
  EXPECT_FALSE(parse_kscreenlockerrc("[Daemon][Other][$i]\nAutolock=true\n[Greeter][$i]\nAutolock=true\n").enabled);
}

TEST(KdeScreenLock, ThatIsBrokenSetsNothing) {
  const auto s = parse_kscreenlockerrc("[Daemon][$i]\nTimeout=99999999999999999999\nAutolock=perhaps\n");
  EXPECT_FALSE(s.enabled);
  EXPECT_FALSE(s.idle_seconds);
}

}  // namespace
}  // namespace postern::agent
