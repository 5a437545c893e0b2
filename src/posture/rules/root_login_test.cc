#include <gmock/gmock.h>

#include "posture/rules/rule_lab.h"

namespace postern::posture {
namespace root_login_rule {
namespace {

using namespace testing;
using ::testing::HasSubstr;
using enum Verdict;

TEST(RootLogin, EachSettingOfSshd) {
  struct Row {
    const char* setting;
    Verdict any, password;
    const char* any_reason;
    const char* password_reason;
  };
  const Row rows[] = {
      {"yes", kMatch, kMatch, "root_can_log_in", "root_can_log_in"},
      {"no", kNoMatch, kNoMatch, "root_cannot_log_in", "root_cannot_log_in"},
      {"prohibit-password", kMatch, kNoMatch, "root_can_log_in", "root_cannot_log_in"},
      {"without-password", kMatch, kNoMatch, "root_can_log_in", "root_cannot_log_in"},
      {"forced-commands-only", kMatch, kNoMatch, "root_can_log_in", "root_cannot_log_in"},
      {"no-server", kNoMatch, kNoMatch, "no_ssh_server", "no_ssh_server"},
      {"", kUnknown, kUnknown, "setting_not_known", "setting_not_known"},
      {"maybe", kUnknown, kUnknown, "setting_not_known", "setting_not_known"}};
  const auto otherwise = make("root-login", {});
  const auto any = make("root-login", {{"by", "any"}});
  const auto password = make("root-login", {{"by", "password"}});
  for (const Row& row : rows) {
    SCOPED_TRACE(row.setting);
    const FactMap facts{{std::string(keys::kSshRootLogin), text(row.setting)}};
    expect(*otherwise, facts, row.any, row.any_reason);
    expect(*any, facts, row.any, row.any_reason);
    expect(*password, facts, row.password, row.password_reason);
  }
  expect_unknowns(*any, {}, keys::kSshRootLogin, known(false));
  EXPECT_EQ(any->describe(), "root can log in over ssh");
  EXPECT_EQ(password->describe(), "root can log in over ssh by password");
}

TEST(RootLogin, Refusals) {
  EXPECT_THAT(refusal("root-login", {{"by", "key"}}), HasSubstr("by: \"key\" is not allowed; it must be one of any, password"));
}

}  // namespace
}  // namespace root_login_rule
}  // namespace postern::posture
