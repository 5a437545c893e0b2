#include <gtest/gtest.h>

#include <limits>

#include "posture/rules/rule_lab.h"

namespace postern::posture {
namespace {

using namespace testing;
using enum Verdict;

TEST(PatchAge, ADayTooOldIsTooOld) {
  const auto rule = make("patch-age", {{"max_days", std::int64_t{60}}});
  const auto at = [](Fact fact) { return facts_of({{keys::kUpdatedAt, std::move(fact)}}); };
  expect(*rule, at(ago(Millis(0))), kMatch, "patched_recently");
  expect(*rule, at(ago(60 * kDay)), kMatch, "patched_recently");
  expect(*rule, at(ago(60 * kDay + Millis(1))), kNoMatch, "patched_too_long_ago");
  expect(*rule, at(ago(61 * kDay)), kNoMatch, "patched_too_long_ago");
  expect(*rule, at(known(std::int64_t{0})), kNoMatch, "never_patched");
  EXPECT_EQ(rule->describe(), "updates were installed within the last 60 days");
}

TEST(PatchAge, AClockThatIsWrongGrantsNothing) {
  const auto rule = make("patch-age", {{"max_days", std::int64_t{60}}, {"of", "installed"}});
  const auto at = [](Fact fact) { return facts_of({{keys::kUpdatedAt, std::move(fact)}}); };
  expect(*rule, at(ago(-kDay)), kMatch, "patched_recently");
  expect(*rule, at(ago(61 * kDay)), kNoMatch, "patched_too_long_ago");
  expect(*rule, at(ago(-kDay - Millis(1))), kUnknown, "time_in_future");
  expect_until(*rule, at(ago(-3 * kDay)), kNow.wall + 2 * kDay);
  expect(*rule, at(known(std::numeric_limits<std::int64_t>::max())), kUnknown, "time_in_future");
  expect(*rule, at(known(std::int64_t{-1})), kUnknown, "before_1970");
  expect(*rule, at(known(std::numeric_limits<std::int64_t>::min())), kUnknown, "before_1970");
  expect_unknowns(*rule, {}, keys::kUpdatedAt, known(true));
}

TEST(PatchAge, SaysUntilWhenItHolds) {
  const auto rule = make("patch-age", {{"max_days", std::int64_t{60}}});
  const auto at = [](Fact fact) { return facts_of({{keys::kUpdatedAt, std::move(fact)}}); };
  expect_until(*rule, at(ago(59 * kDay)), kNow.wall + kDay + Millis(1));
  expect(*rule, at(ago(59 * kDay)), kMatch, "patched_recently", {kNow.wall + kDay, {}});
  expect(*rule, at(ago(59 * kDay)), kNoMatch, "patched_too_long_ago", {kNow.wall + kDay + Millis(1), {}});
  expect_until(*rule, at(ago(61 * kDay)), WallTime::max());
}

TEST(PatchAge, LookingForUpdatesIsAnotherMatter) {
  const auto rule = make("patch-age", {{"max_days", std::int64_t{1}}, {"of", "checked"}});
  const auto at = [](Fact fact) { return facts_of({{keys::kUpdateCheckedAt, std::move(fact)}}); };
  expect(*rule, at(ago(kDay)), kMatch, "updates_checked_recently");
  expect(*rule, at(ago(2 * kDay)), kNoMatch, "updates_checked_too_long_ago");
  expect(*rule, at(known(std::int64_t{0})), kNoMatch, "updates_never_checked");
  expect_unknowns(*rule, facts_of({{keys::kUpdatedAt, ago(Millis(0))}}), keys::kUpdateCheckedAt, text("today"));
  EXPECT_EQ(rule->describe(), "updates were looked for within the last 1 day");
}

TEST(PatchAge, HasBounds) {
  EXPECT_EQ(refusal("patch-age", {{"max_days", std::int64_t{0}}}), "max_days: 0 is not allowed; it must be 1 to 3650");
  EXPECT_EQ(refusal("patch-age", {{"max_days", std::int64_t{3651}}}),
            "max_days: 3651 is not allowed; it must be 1 to 3650");
  EXPECT_EQ(refusal("patch-age", {}), "max_days: is missing");
}

}  // namespace
}  // namespace postern::posture
