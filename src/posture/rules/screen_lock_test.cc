#include <gtest/gtest.h>

#include "posture/rules/rule_lab.h"

namespace postern::posture {
namespace {

using namespace testing;
using enum Verdict;

TEST(ScreenLock, LocksSoonEnough) {
  const auto rule = make("screen-lock", {{"max_seconds", std::int64_t{300}}});
  const auto facts = [](Fact on, Fact after) {
    return facts_of({{keys::kScreenLock, std::move(on)}, {keys::kScreenLockSeconds, std::move(after)}});
  };
  const Fact no = known(false), yes = known(true), denied = unknown(UnknownReason::kDenied);
  expect(*rule, facts(yes, known(std::int64_t{300})), kMatch, "screen_lock_on");
  expect(*rule, facts(yes, known(std::int64_t{301})), kNoMatch, "screen_locks_too_late");
  expect(*rule, facts(no, known(std::int64_t{1})), kNoMatch, "screen_lock_off");
  expect(*rule, facts(no, denied), kNoMatch, "screen_lock_off");
  expect(*rule, facts(denied, known(std::int64_t{301})), kNoMatch, "screen_locks_too_late");
  expect(*rule, facts(denied, known(std::int64_t{1})), kUnknown, "denied");
  expect(*rule, facts(yes, known(std::int64_t{-1})), kUnknown, "malformed");
  expect_unknowns(*rule, facts(yes, yes), keys::kScreenLockSeconds, text("300"));
  expect_unknowns(*rule, facts(yes, known(std::int64_t{1})), keys::kScreenLock, text("on"));
  expect_parts_agree(*rule, facts(denied, known(std::int64_t{301})));
  EXPECT_EQ(rule->describe(),
            "the screen locks by itself and it does so after at most 300 seconds without anybody at it");
}

TEST(ScreenLock, WithoutATimeAnyLockWillDo) {
  const auto rule = make("screen-lock", {});
  expect(*rule, facts_of({{keys::kScreenLock, known(true)}}), kMatch, "screen_lock_on");
  expect(*rule, facts_of({{keys::kScreenLock, known(false)}}), kNoMatch, "screen_lock_off");
  EXPECT_EQ(refusal("screen-lock", {{"max_seconds", std::int64_t{0}}}),
            "max_seconds: 0 is not allowed; it must be 1 to 86400");
}

}  // namespace
}  // namespace postern::posture
