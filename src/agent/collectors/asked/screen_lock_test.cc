#include <set>
#include <string>

#include "agent/collectors/asked/asked_lab.h"
#include "agent/collectors/desktop/gvdb_lab.h"
#include "base/file.h"

namespace postern::agent {
namespace {

const std::string kSession = "/org/gnome/desktop/session/", kScreensaver = "/org/gnome/desktop/screensaver/",
                  kIdle = kSession + "idle-delay", kEnabled = kScreensaver + "lock-enabled",
                  kDelay = kScreensaver + "lock-delay", kNever = "/org/gnome/desktop/lockdown/disable-lock-screen";

class ScreenLock : public AskedLab {
 protected:
  ScreenLock() { put("etc/dconf/profile/user", "user-db:user\nsystem-db:local\nsystem-db:site\n"); }
  std::string why() const { return ask(keys::kScreenLock).source; }
  /// The database in force, written anew.
  void compile() { put("etc/dconf/db/local", compiled_database(values_, locks_)); }
  void gnome() {
    values_ = {{kIdle, 300u}, {kEnabled, true}, {kDelay, 30u}};
    locks_ = {kIdle, kEnabled, kDelay, kNever};
    compile();
  }

  GvdbValues values_;
  std::set<std::string> locks_;
};

TEST_F(ScreenLock, OfGnomeHoldsWhereNobodyCanChangeIt) {
  EXPECT_EQ(said(keys::kScreenLock), "unknown: unsupported");
  gnome();
  locks_.clear();
  compile();
  EXPECT_EQ(said(keys::kScreenLock), "unknown: unsupported");
  gnome();
  EXPECT_EQ(said(keys::kScreenLock), "yes");
  EXPECT_EQ(said(keys::kScreenLockSeconds), "330");
  values_[kIdle] = 0u;
  compile();
  EXPECT_EQ(said(keys::kScreenLock), "no");
  EXPECT_EQ(said(keys::kScreenLockSeconds), "unknown: unsupported");
}

TEST_F(ScreenLock, IsWhatDconfCompiledAndNoKeyfile) {
  const auto compiled = read_file(POSTERN_SOURCE_DIR "/src/agent/collectors/desktop/testdata/gnome", 1u << 20);
  ASSERT_TRUE(compiled);
  put("etc/dconf/db/local.d/00-lock", "[org/gnome/desktop/session]\nidle-delay=uint32 60\n");
  EXPECT_EQ(said(keys::kScreenLock), "unknown: unsupported");
  put("etc/dconf/db/local", *compiled);
  EXPECT_EQ(said(keys::kScreenLock), "yes");
  EXPECT_EQ(said(keys::kScreenLockSeconds), "330");
}

TEST_F(ScreenLock, IsUnknownWhereAnythingThatHasASayIsLeftToPeople) {
  for (const auto& key : {kIdle, kEnabled, kDelay, kNever}) {
    gnome();
    locks_.erase(key);
    compile();
    EXPECT_EQ(said(keys::kScreenLock), "unknown: unsupported") << key;
    EXPECT_EQ(said(keys::kScreenLockSeconds), "unknown: unsupported") << key;
  }
  EXPECT_EQ(why(), "/org/gnome/desktop/lockdown/disable-lock-screen is not locked: people may set it for themselves");
}

TEST_F(ScreenLock, OfAnotherTypeThanTheSchemasIsNotInForce) {
  gnome();
  values_[kIdle] = 60;
  compile();
  EXPECT_EQ(said(keys::kScreenLockSeconds), "unknown: unsupported");
}

TEST_F(ScreenLock, ThatIsSwitchedOffAltogetherIsNone) {
  gnome();
  values_[kNever] = true;
  compile();
  EXPECT_EQ(said(keys::kScreenLock), "no");
}

TEST_F(ScreenLock, OfADatabaseThatDconfDoesNotReadIsUnknown) {
  gnome();
  put("etc/dconf/profile/user", "user-db:user\n");
  EXPECT_EQ(said(keys::kScreenLock), "unknown: unsupported");
}

TEST_F(ScreenLock, OfADamagedDatabaseIsUnknown) {
  gnome();
  put("etc/dconf/db/site", "compiled");
  EXPECT_EQ(said(keys::kScreenLock), "unknown: failed");
  EXPECT_NE(why().find("/etc/dconf/db/site"), std::string::npos) << why();
  put("etc/dconf/db/site", std::string(5u << 20, '#'));
  EXPECT_EQ(said(keys::kScreenLock), "unknown: failed");
}

TEST_F(ScreenLock, ALaterDatabaseThatLocksHasTheLastSay) {
  gnome();
  put("etc/dconf/db/site", compiled_database({{kIdle, 900u}}));
  EXPECT_EQ(said(keys::kScreenLockSeconds), "330");
  put("etc/dconf/db/site", compiled_database({{kIdle, 900u}}, {kIdle}));
  EXPECT_EQ(said(keys::kScreenLockSeconds), "930");
}

TEST_F(ScreenLock, OfMateCountsInMinutesAtPlacesOfItsOwn) {
  const std::string mate = "/org/mate/screensaver/", idle = "/org/mate/desktop/session/idle-delay";
  values_ = {{idle, 5}, {mate + "lock-enabled", true}, {mate + "lock-delay", 1}};
  locks_ = {idle, mate + "lock-enabled", mate + "lock-delay", "/org/mate/desktop/lockdown/disable-lock-screen"};
  compile();
  EXPECT_EQ(why(), "/org/mate/screensaver/idle-activation-enabled is not locked: people may set it for themselves");
  locks_.insert(mate + "idle-activation-enabled");
  compile();
  EXPECT_EQ(said(keys::kScreenLock), "yes");
  EXPECT_EQ(said(keys::kScreenLockSeconds), "360");
  values_[idle] = -5;
  compile();
  EXPECT_EQ(said(keys::kScreenLockSeconds), "unknown: unsupported");
}

TEST_F(ScreenLock, OfSeveralDesktopsTheWeakestHolds) {
  gnome();
  put("etc/xdg/kscreenlockerrc", "[Daemon][$i]\nAutolock=true\nTimeout=10\nLockGrace=5\n");
  EXPECT_EQ(said(keys::kScreenLockSeconds), "605");
  put("etc/xdg/kscreenlockerrc", "[Daemon][$i]\nAutolock=false\n");
  EXPECT_EQ(said(keys::kScreenLock), "no");
}

TEST_F(ScreenLock, OfKdeHoldsWhereItIsImmutable) {
  put("etc/xdg/kscreenlockerrc", "[Daemon]\nAutolock=true\nTimeout=10\nLockGrace=5\n");
  EXPECT_EQ(said(keys::kScreenLock), "unknown: unsupported");
  put("etc/xdg/kscreenlockerrc", "# was [Daemon][$i]\n[Daemon]\nAutolock=true\nTimeout=10\nLockGrace=5\n");
  EXPECT_EQ(said(keys::kScreenLock), "unknown: unsupported");
  put("etc/xdg/kscreenlockerrc", "[Daemon][$i]\nAutolock=true\nTimeout=10\nLockGrace=5\n");
  EXPECT_EQ(said(keys::kScreenLock), "yes");
  EXPECT_EQ(said(keys::kScreenLockSeconds), "605");
  put("etc/xdg/kscreenlockerrc", "[Daemon][$i]\nAutolock=false\nTimeout=10\n");
  EXPECT_EQ(said(keys::kScreenLock), "no");
}

}  // namespace
}  // namespace postern::agent
