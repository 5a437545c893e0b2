#include "agent/collectors/asked/screen_lock.h"

#include <gtest/gtest.h>
#include <utime.h>

#include "agent/collectors/asked/asked_lab.h"
#include "base/text.h"

namespace postern::agent {
namespace {

constexpr const char* kGnome =
    "[org/gnome/desktop/session]\nidle-delay=uint32 300\n\n[org/gnome/desktop/screensaver]\nlock-enabled=true\n"
    "lock-delay=uint32 30\n";
constexpr const char* kGnomeLocks =
    "/org/gnome/desktop/session/idle-delay\n/org/gnome/desktop/screensaver/lock-enabled\n"
    "/org/gnome/desktop/screensaver/lock-delay\n/org/gnome/desktop/lockdown/disable-lock-screen\n";

class ScreenLock : public AskedLab {
 protected:
  ScreenLock() { put("etc/dconf/profile/user", "user-db:user\nsystem-db:local\nsystem-db:site\n"); }
  std::string why() const { return ask(keys::kScreenLock).source; }
  void touch(const char* path, int at) {
    const utimbuf times{at, at};
    ASSERT_EQ(utime((root_ / path).c_str(), &times), 0);
  }
  /// A source of a database, compiled.
  void compiled(const char* path, const std::string& text, const char* database = "etc/dconf/db/local") {
    put(path, text);
    put(database, "compiled");
  }
  void gnome(const std::string& locks = kGnomeLocks) {
    compiled("etc/dconf/db/local.d/00-lock", kGnome);
    compiled("etc/dconf/db/local.d/locks/lock", locks);
  }
};

TEST_F(ScreenLock, OfGnomeHoldsWhereNobodyCanChangeIt) {
  EXPECT_EQ(said(keys::kScreenLock), "unknown: unsupported");
  compiled("etc/dconf/db/local.d/00-lock", kGnome);
  EXPECT_EQ(said(keys::kScreenLock), "unknown: unsupported");
  gnome();
  EXPECT_EQ(said(keys::kScreenLock), "yes");
  EXPECT_EQ(said(keys::kScreenLockSeconds), "330");
  compiled("etc/dconf/db/local.d/10-later", "[org/gnome/desktop/session]\nidle-delay=uint32 0\n");
  EXPECT_EQ(said(keys::kScreenLock), "no");
  EXPECT_EQ(said(keys::kScreenLockSeconds), "unknown: unsupported");
}

TEST_F(ScreenLock, IsUnknownWhereAnythingThatHasASayIsLeftToPeople) {
  for (const std::string key :
       {"session/idle-delay", "screensaver/lock-enabled", "screensaver/lock-delay", "lockdown/disable-lock-screen"}) {
    std::string locks = kGnomeLocks;
    const auto line = "/org/gnome/desktop/" + key + "\n";
    gnome(locks.erase(locks.find(line), line.size()));
    EXPECT_EQ(said(keys::kScreenLock), "unknown: unsupported") << key;
    EXPECT_EQ(said(keys::kScreenLockSeconds), "unknown: unsupported") << key;
  }
  EXPECT_EQ(why(), "/org/gnome/desktop/lockdown/disable-lock-screen is not locked: people may set it for themselves");
}

TEST_F(ScreenLock, IsReadAsDconfReadsIt) {
  for (const char* end : {"\r\n", " \n"}) {
    std::string locks;
    for (const auto line : split(kGnomeLocks, '\n')) locks += line.empty() ? "" : std::string(line) + end;
    gnome(locks);
    EXPECT_EQ(said(keys::kScreenLock), "unknown: unsupported") << end;  // locks of other keys
  }
  gnome();
  compiled("etc/dconf/db/local.d/10-type", "[org/gnome/desktop/session]\nidle-delay=60\n");
  EXPECT_EQ(said(keys::kScreenLockSeconds), "unknown: unsupported");  // of another type it is not in force
}

TEST_F(ScreenLock, ThatIsSwitchedOffAltogetherIsNone) {
  gnome();
  compiled("etc/dconf/db/local.d/10-off", "[org/gnome/desktop/lockdown]\ndisable-lock-screen=true\n");
  EXPECT_EQ(said(keys::kScreenLock), "no");
}

TEST_F(ScreenLock, OfADatabaseThatDconfDoesNotReadIsUnknown) {
  gnome();
  put("etc/dconf/profile/user", "user-db:user\n");
  EXPECT_EQ(said(keys::kScreenLock), "unknown: unsupported");
  put("etc/dconf/profile/user", "user-db:user\nsystem-db:local\nservice-db:keyfile/user\n");
  EXPECT_EQ(why(), "/etc/dconf/profile/user has sources that can't be read");
}

TEST_F(ScreenLock, OfAFileThatIsNotCompiledIsUnknown) {
  gnome();
  touch("etc/dconf/db/local", 1'000);
  EXPECT_EQ(said(keys::kScreenLock), "unknown: unsupported");
  EXPECT_NE(why().find("\"dconf update\" was not run since"), std::string::npos) << why();
}

TEST_F(ScreenLock, ALaterDatabaseThatLocksHasTheLastSay) {
  gnome();
  compiled("etc/dconf/db/site.d/00", "[org/gnome/desktop/session]\nidle-delay=uint32 900\n", "etc/dconf/db/site");
  EXPECT_EQ(said(keys::kScreenLockSeconds), "330");
  compiled("etc/dconf/db/site.d/locks/00", "/org/gnome/desktop/session/idle-delay\n", "etc/dconf/db/site");
  EXPECT_EQ(said(keys::kScreenLockSeconds), "930");
}

TEST_F(ScreenLock, OfAFileThatCannotBeReadIsUnknown) {
  gnome();
  ASSERT_TRUE(std::filesystem::create_directories(root_ / "etc/dconf/db/local.d/a-directory"));  // dconf takes files only
  EXPECT_EQ(said(keys::kScreenLock), "yes");
  compiled("etc/dconf/db/local.d/20-large", std::string(2u << 20, '#'));
  EXPECT_EQ(said(keys::kScreenLock), "unknown: failed");
  EXPECT_NE(why().find("20-large"), std::string::npos) << why();
}

TEST_F(ScreenLock, OfMateCountsInMinutesAtPlacesOfItsOwn) {
  compiled("etc/dconf/db/local.d/00-lock",
           "[org/mate/desktop/session]\nidle-delay=5\n[org/mate/screensaver]\nlock-enabled=true\nlock-delay=1\n");
  compiled(
      "etc/dconf/db/local.d/locks/lock",
      "/org/mate/desktop/session/idle-delay\n/org/mate/screensaver/lock-enabled\n/org/mate/screensaver/lock-delay\n"
      "/org/mate/desktop/lockdown/disable-lock-screen\n");
  EXPECT_EQ(why(), "/org/mate/screensaver/idle-activation-enabled is not locked: people may set it for themselves");
  compiled("etc/dconf/db/local.d/locks/more", "/org/mate/screensaver/idle-activation-enabled\n");
  EXPECT_EQ(said(keys::kScreenLock), "yes");
  EXPECT_EQ(said(keys::kScreenLockSeconds), "360");
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

TEST(DconfProfile, NamesTheSystemsDatabasesInOrder) {
  EXPECT_EQ(parse_dconf_profile("user-db:user\nsystem-db:local # ours\n\nsystem-db:site\n"),
            (std::vector<std::string>{"local", "site"}));
  EXPECT_EQ(parse_dconf_profile(""), std::vector<std::string>());
  EXPECT_EQ(parse_dconf_profile("user-db:user\nfile-db:/x\n"), std::nullopt);
  EXPECT_EQ(parse_dconf_profile("user-db:user\nsystem-db:../x\n"), std::nullopt);
}

TEST(ScreenLockSettings, BrokenOnesSetNothing) {
  DconfDatabase database;
  parse_dconf_keyfile("x=1\n[org/gnome/desktop/session\n=\n[\nlock-enabled", database);
  parse_dconf_locks("org/x\n#/y\n", database);
  EXPECT_TRUE(database.locks.empty());
  const auto s = parse_kscreenlockerrc("[Daemon][$i]\nTimeout=99999999999999999999\nAutolock=perhaps\n");
  EXPECT_FALSE(s.enabled);
  EXPECT_FALSE(s.idle_seconds);
}

}  // namespace
}  // namespace postern::agent
