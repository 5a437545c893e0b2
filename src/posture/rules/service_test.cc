#include <gtest/gtest.h>

#include "posture/rules/rule_lab.h"

namespace postern::posture {
namespace {

using namespace testing;
using enum Verdict;
using List = std::vector<std::string>;

TEST(Service, ActiveAndEnabledAreDifferentFacts) {
  const auto active = make("service", {{"services", List{"ssh"}}});
  expect(*active, facts_of({{"service.active:ssh.service", known(true)}}), kMatch, "service_active");
  expect(*active, facts_of({{"service.active:ssh.service", known(false)}}), kNoMatch, "service_not_active");
  expect(*active, facts_of({{"service.enabled:ssh.service", known(true)}}), kUnknown, "not_reported");
  expect_unknowns(*active, {}, "service.active:ssh.service", text("active"));
  const auto enabled = make("service", {{"services", List{"ssh.socket"}}, {"state", "enabled"}});
  expect(*enabled, facts_of({{"service.enabled:ssh.socket", known(true)}}), kMatch, "service_enabled");
  expect(*enabled, facts_of({{"service.enabled:ssh.socket", known(false)}}), kNoMatch, "service_not_enabled");
  EXPECT_EQ(active->describe(), "ssh is active");
  EXPECT_EQ(enabled->describe(), "ssh.socket starts with the system");
}

TEST(Service, AllOrAny) {
  const auto facts = facts_of({{"service.active:a.service", known(true)}, {"service.active:b.service", known(false)}});
  const auto all = make("service", {{"services", List{"a", "b"}}});
  const auto any = make("service", {{"services", List{"a", "b"}}, {"match", "any"}});
  expect(*all, facts, kNoMatch, "service_not_active");
  expect(*any, facts, kMatch, "service_active");
  expect_parts_agree(*all, facts);
  EXPECT_EQ(all->describe(), "a and b are active");
  EXPECT_EQ(any->describe(), "a or b is active");
}

TEST(Service, NamesAreNames) {
  EXPECT_EQ(refusal("service", {{"services", List{"/usr/sbin/sshd"}}}),
            "services[0]: \"/usr/sbin/sshd\" must be a service's name, such as ssh.service");
  EXPECT_EQ(refusal("service", {{"services", List{"my service"}}}),
            "services[0]: \"my service\" must be a service's name, such as ssh.service");
  EXPECT_EQ(refusal("service", {{"services", List{"ssh", "ssh.service"}}}),
            "services[1]: \"ssh.service\" stands in the list twice");
  const auto windows = make("service", {{"services", List{"My Service"}}}, OsFamily::kWindows);
  EXPECT_EQ(windows->keys(), (List{"service.active:My Service"}));
}

TEST(Directory, ExistsOrNot) {
  const auto all = make("directory", {{"paths", List{"/etc/a", "/etc/b"}}});
  const auto any = make("directory", {{"paths", List{"/etc/a", "/etc/b"}}, {"match", "any"}});
  const auto facts = facts_of({{"directory.exists:/etc/a", known(true)}, {"directory.exists:/etc/b", known(false)}});
  expect(*all, facts, kNoMatch, "directory_missing");
  expect(*any, facts, kMatch, "directory_exists");
  expect_unknowns(*all, facts_of({{"directory.exists:/etc/a", known(true)}}), "directory.exists:/etc/b", text("yes"));
  EXPECT_EQ(all->describe(), "/etc/a and /etc/b exist as directories");
  EXPECT_EQ(
      refusal("directory", {{"paths", List{"/etc/"}}}),
      "paths[0]: \"/etc/\" must be an absolute path such as /etc/x, without \".\", \"..\", \"//\" or \"/\" at the end");
}

}  // namespace
}  // namespace postern::posture
