#include "agent/collectors/desktop/dconf.h"

#include "agent/collectors/desktop/gvdb_lab.h"
#include "agent/collectors/root_lab.h"

namespace postern::agent {
namespace {

TEST(DconfProfile, NamesTheSystemsDatabasesInOrder) {
  EXPECT_EQ(parse_dconf_profile("user-db:user\nsystem-db:local # ours\n\nsystem-db:site\n"),
            (std::vector<std::string>{"local", "site"}));
  EXPECT_EQ(parse_dconf_profile(""), std::vector<std::string>());
  EXPECT_EQ(parse_dconf_profile("user-db:user\nfile-db:/x\n"), std::nullopt);
  EXPECT_EQ(parse_dconf_profile("user-db:user\nsystem-db:../x\n"), std::nullopt);
  std::string many = "user-db:user\n";
  for (int i = 0; i < 17; ++i) many += "system-db:x\n";
  EXPECT_EQ(parse_dconf_profile(many), std::nullopt);
}

TEST(DconfProfile, IsAnotherWhereTheEnvironmentSaysSo) {
  EXPECT_TRUE(sets_dconf_profile("PATH=/bin\nexport DCONF_PROFILE=kiosk\n"));
  EXPECT_FALSE(sets_dconf_profile("PATH=/bin\n# DCONF_PROFILE=kiosk\n"));
}

class Dconf : public RootLab {
 protected:
  Dconf() { put("etc/dconf/profile/user", "user-db:user\nsystem-db:local\nsystem-db:site\n"); }
  Result<LockedSettings> read() const { return read_dconf(Facts(root_, from_unix_ms(1'780'000'000'000))); }
  std::string refusal() const {
    const auto settings = read();
    return settings ? "" : settings.error().message;
  }
};

TEST_F(Dconf, HasInForceWhatIsLocked) {
  put("etc/dconf/db/local", compiled_database({{"/a", 5u}, {"/b", 6u}}, {"/a"}));
  const auto settings = read();
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(settings->value<std::uint32_t>("/a"), 5u);
  EXPECT_EQ(settings->value<std::int32_t>("/a"), std::nullopt);  // as another type it is not set
  EXPECT_TRUE(settings->is_locked("/a"));
  EXPECT_EQ(settings->value<std::uint32_t>("/b"), std::nullopt);
  EXPECT_FALSE(settings->is_locked("/b"));
}

TEST_F(Dconf, TakesTheFirstValueFromTheLastLockOn) {
  put("etc/dconf/db/local", compiled_database({{"/a", 5u}}, {"/a"}));
  put("etc/dconf/db/site", compiled_database({{"/a", 9u}}));
  EXPECT_EQ(read()->value<std::uint32_t>("/a"), 5u);
  put("etc/dconf/db/site", compiled_database({{"/a", 9u}}, {"/a"}));
  EXPECT_EQ(read()->value<std::uint32_t>("/a"), 9u);
  put("etc/dconf/db/site", compiled_database({}, {"/a"}));
  EXPECT_EQ(read()->value<std::uint32_t>("/a"), std::nullopt);
}

TEST_F(Dconf, PassesOverADatabaseThatIsNotThere) {
  EXPECT_TRUE(read());
  put("etc/dconf/db/site", compiled_database({{"/a", 9u}}, {"/a"}));
  EXPECT_EQ(read()->value<std::uint32_t>("/a"), 9u);
}

TEST_F(Dconf, IsUnknownWithADamagedOne) {
  put("etc/dconf/db/local", "compiled");
  EXPECT_EQ(read().error().code, ErrorCode::kDataLoss);
  EXPECT_EQ(refusal(), "/etc/dconf/db/local: it does not begin as a database does");
}

TEST_F(Dconf, IsUnknownWhereSessionsMayHaveAnotherProfile) {
  put("etc/environment", "DCONF_PROFILE=kiosk\n");
  EXPECT_EQ(refusal(), "/etc/environment sets DCONF_PROFILE, which chooses another profile of dconf");
  put("etc/environment", "");
  EXPECT_EQ(refusal(), "");
  put("run/dconf/user/1000", "user-db:user\n");
  EXPECT_EQ(refusal(), "/run/dconf/user/1000 gives that user another profile of dconf than everybody has");
}

TEST_F(Dconf, OfAProfileOfOtherSourcesIsUnknown) {
  put("etc/dconf/profile/user", "user-db:user\nservice-db:keyfile/user\n");
  EXPECT_EQ(refusal(), "/etc/dconf/profile/user has sources that can't be read");
}

}  // namespace
}  // namespace postern::agent
