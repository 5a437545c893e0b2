// What an administrator's new password must be; what was chosen before stays.
#include <gmock/gmock.h>

#include "gateway/cli/fake_operations.h"
#include "gateway/cli/session.h"
#include "gateway/config/secret.h"
#include "gateway/config/text.h"

namespace postern::gateway::cli {
namespace {

using testing::HasSubstr;

class PasswordRule : public testing::Test {
 protected:
  std::string out(std::string_view line) {
    std::string got = "(waits)";
    session.feed(line, [&](Reply r) { got = r.ok() ? r.output : "error: " + r.error; });
    return got;
  }
  std::string password_of(const char* name) {
    const auto* admin = store->current()->find({{"system admin", name}});
    return admin == nullptr || !admin->values.contains("password") ? "" : admin->values.at("password").front();
  }
  std::unique_ptr<config::ConfigStore> store = config::ConfigStore::in_memory(config::gateway_schema());
  FakeOperations operations;
  SeededRandom random{7};
  CliSession session{*store, operations, random};
};

TEST_F(PasswordRule, ShortOnesAndThoseWithTheNameAreRefusedBeforeTheyAreHashed) {
  out("config system admin");
  out("edit eve");
  EXPECT_EQ(out("set password x"), "error: system admin eve: password: must be 12 to 128 characters long");
  EXPECT_EQ(out("se pas elevenbytes"), "error: system admin eve: password: must be 12 to 128 characters long");
  EXPECT_EQ(out("set password correct-horse-of-Eve"), "error: system admin eve: password: must not contain the user's name");
  EXPECT_EQ(operations.offloaded, 0);
  EXPECT_EQ(out("set password twelve-bytes"), "");
  EXPECT_EQ(out("end"), "");
  EXPECT_TRUE(config::verify_secret(password_of("eve"), "twelve-bytes"));
  EXPECT_THAT(out("config system admin"), "");
  EXPECT_THAT(out("edit ?"), HasSubstr("eve"));
}

TEST_F(PasswordRule, WhatLooksLikeAHashAndIsNoneIsNoPassword) {
  out("config system admin");
  out("edit eve");
  for (const char* other : {"ENC argon2id$x$y", "ENC AAECAwQFBgcICQoLDA0ODw==", "ENC something long enough"}) {
    const auto said = out("set password \"" + std::string(other) + '"');
    EXPECT_NE(said.find("what begins with ENC is a hash, and this is none"), std::string::npos) << said;
  }
  EXPECT_EQ(operations.offloaded, 0);
}

TEST_F(PasswordRule, AConfigurationWithAShortOneIsStillRead) {
  const auto hash = config::hash_password("x", random);
  auto t = store->begin();
  ASSERT_TRUE(config::apply_text(t, "config system admin\nedit old\nset password \"" + hash + "\"\nend\n"));
  ASSERT_TRUE(store->commit(t));
  EXPECT_EQ(password_of("old"), hash);
  // And it can be pasted as `show` prints it.
  out("config system admin");
  out("edit other");
  EXPECT_EQ(out("set password \"" + hash + "\""), "");
  EXPECT_EQ(out("end"), "");
  EXPECT_EQ(password_of("other"), hash);
}

TEST_F(PasswordRule, ATokenIsNoPassword) {
  out("config system api-user");
  out("edit robot");
  EXPECT_THAT(out("set api-key short"), "");
  EXPECT_THAT(out("end"), HasSubstr("can't be chosen; draw one"));
}

}  // namespace
}  // namespace postern::gateway::cli
