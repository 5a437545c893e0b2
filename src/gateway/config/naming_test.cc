// Names and notes: how long, of which characters, and what a new name does to those who refer to it.
#include <gmock/gmock.h>

#include "gateway/config/store.h"
#include "gateway/config/text.h"

namespace postern::gateway::config {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr const char* kLong = "é";  // two bytes

std::string times(int count, std::string_view what) {
  std::string out;
  for (int i = 0; i < count; ++i) out += what;
  return out;
}

const ObjectPath kLan = {{"firewall address", "lan"}};

class Naming : public testing::Test {
 protected:
  Naming() {
    auto t = store_->begin();
    EXPECT_TRUE(t.edit(kLan));
    EXPECT_TRUE(t.set(kLan, "subnet", {"10.0.0.0/8"}));
    EXPECT_TRUE(store_->commit(t));
  }
  Status comment(const std::string& text, Actor actor = Actor::kAdministrator) {
    auto t = store_->begin(actor);
    if (auto set = t.set(kLan, "comment", {text}); !set) return set;
    return store_->commit(t);
  }
  Status take(std::string_view text, Actor actor = Actor::kAdministrator) {
    auto t = store_->begin(actor);
    if (auto applied = apply_text(t, text); !applied) return applied;
    return store_->commit(t);
  }

  std::unique_ptr<ConfigStore> store_ = ConfigStore::in_memory(gateway_schema());
};

TEST_F(Naming, LengthsAreOfCharactersAsPeopleCountThem) {
  EXPECT_TRUE(comment(times(255, kLong)));
  EXPECT_TRUE(comment(times(255, "\xF0\x9F\x94\x92")));
  const auto longer = comment(times(256, kLong));
  ASSERT_FALSE(longer);
  EXPECT_THAT(longer.error().message, HasSubstr("at most 255 printable characters"));
  auto t = store_->begin();
  EXPECT_TRUE(t.edit({{"firewall address", times(79, kLong)}}));
  EXPECT_FALSE(t.edit({{"firewall address", times(80, kLong)}}));
  // Passwords, too.
  const auto& password = *gateway_schema().table("system admin")->attribute("password");
  EXPECT_TRUE(password.check_secret(times(128, kLong), "admin"));
  EXPECT_FALSE(password.check_secret(times(129, kLong), "admin"));
  EXPECT_FALSE(password.check_secret(times(11, kLong), "admin"));
  EXPECT_TRUE(password.check_secret(times(12, kLong), "admin"));
}

TEST_F(Naming, WhatCannotBeSeenIsInNoNewNameAndNoNewNote) {
  const std::pair<const char*, const char*> cases[] = {
      {"U+009B", "\xC2\x9B"},     {"U+0085", "\xC2\x85"},     {"U+202E", "\xE2\x80\xAE"},     {"U+2028", "\xE2\x80\xA8"},
      {"U+200B", "\xE2\x80\x8B"}, {"U+FEFF", "\xEF\xBB\xBF"}, {"U+2066", "\xE2\x81\xA6"},     {"U+00AD", "\xC2\xAD"},
      {"U+200D", "\xE2\x80\x8D"}, {"U+061C", "\xD8\x9C"},     {"U+E0041", "\xF3\xA0\x81\x81"}};
  for (const auto& [point, bytes] : cases) {
    const std::string text = std::string("a") + bytes + "b";
    const auto note = comment(text);
    ASSERT_FALSE(note) << point;
    EXPECT_THAT(note.error().message, AllOf(HasSubstr("firewall address lan: comment: " + std::string(point)), HasSubstr("can't be seen")));
    auto t = store_->begin();
    EXPECT_FALSE(t.edit({{"firewall address", text}})) << point;
    EXPECT_FALSE(t.rename(kLan, text)) << point;
    EXPECT_TRUE(t.tree().find(kLan));
  }
  EXPECT_TRUE(comment("Zürich – 東京 – עברית – العربية – 🔒 –\xC2\xA0x"));
}

TEST_F(Naming, WhatAnEarlierVersionTookStays) {
  const std::string name = "a\xE2\x80\x8B" "b";
  ASSERT_TRUE(take("config firewall address\nedit \"" + name + "\"\nset subnet 10.1.0.0/16\nset comment \"" + name + "\"\nend\n", Actor::kGateway));
  // People can go on with it, and be rid of it.
  EXPECT_TRUE(take("config firewall address\nedit \"" + name + "\"\nset comment \"" + name + "\"\nset subnet 10.0.0.0/8\nend\n"));
  EXPECT_TRUE(take("config firewall addrgrp\nedit g\nset member \"" + name + "\"\nend\n"));
  EXPECT_TRUE(take("config firewall address\nrename \"" + name + "\" to ab\nend\n"));
  EXPECT_THAT(print_tree(*store_->current()), HasSubstr("set member \"ab\""));
}

TEST_F(Naming, WhoRefersToAnEntryFollowsItsNewName) {
  ASSERT_TRUE(take("config firewall addrgrp\nedit offices\nset member lan\nend\n"
                   "config firewall policy\n"
                   "edit 1\nset srcintf a\nset dstintf b\nset srcaddr lan offices\nset dstaddr lan\nset service ALL\nnext\nend\n"));
  auto t = store_->begin();
  ASSERT_TRUE(t.rename(kLan, "net"));
  EXPECT_EQ(t.touched(), (std::set<std::string, std::less<>>{"firewall address", "firewall addrgrp", "firewall policy"}));
  const auto kept = store_->commit(t);
  ASSERT_TRUE(kept) << kept.error().message;
  const auto text = print_tree(*store_->current());
  EXPECT_THAT(text, AllOf(HasSubstr("set member \"net\""), HasSubstr("set srcaddr \"net\" \"offices\""), HasSubstr("set dstaddr \"net\"")));
  EXPECT_EQ(text.find("\"lan\""), text.npos);
  // A service of the same name is another thing.
  ASSERT_TRUE(take("config firewall service custom\nedit net\nset tcp-portrange 1\nnext\nend\n"
                   "config firewall policy\nedit 1\nset service net\nend\n"
                   "config firewall address\nrename net to lan\nend\n"));
  EXPECT_THAT(print_tree(*store_->current()), AllOf(HasSubstr("set service \"net\""), HasSubstr("set dstaddr \"lan\"")));
}

TEST_F(Naming, RulesThatAreNarrowerSayWhatTheyAre) {
  const auto allowed = [](const char* table, const char* attribute) {
    return gateway_schema().table(table)->attribute(attribute)->allowed();
  };
  EXPECT_THAT(allowed("firewall access-proxy-virtual-host", "host"), HasSubstr("letters and digits"));
  EXPECT_THAT(allowed("system api-user", "api-key"), HasSubstr("generate-key"));
  EXPECT_THAT(gateway_schema().table("firewall access-proxy")->table("api-gateway")->attribute("url-map")->allowed(), HasSubstr("no //"));
}

}  // namespace
}  // namespace postern::gateway::config
