#include <gtest/gtest.h>

#include "posture/rules/rule_lab.h"

namespace postern::posture {
namespace {

using namespace testing;
using enum Verdict;

FactMap pending(std::int64_t count, Fact lists_at) {
  return facts_of({{keys::kSecurityPending, known(count)}, {keys::kSecurityListsAt, std::move(lists_at)}});
}

TEST(PendingSecurityUpdates, OneTooManyIsTooMany) {
  const auto none = make("pending-security-updates", {{"max", std::int64_t{0}}});
  expect(*none, pending(0, ago(kDay)), kMatch, "security_updates_within");
  expect(*none, pending(1, ago(kDay)), kNoMatch, "security_updates_pending");
  const auto few = make("pending-security-updates", {{"max", std::int64_t{5}}});
  expect(*few, pending(5, ago(kDay)), kMatch, "security_updates_within");
  expect(*few, pending(6, ago(kDay)), kNoMatch, "security_updates_pending");
  EXPECT_EQ(none->describe(), "at most 0 security updates are pending, by lists of the last 7 days");
  EXPECT_EQ(
      make("pending-security-updates", {{"max", std::int64_t{1}}, {"lists_within_days", std::int64_t{1}}})->describe(),
      "at most 1 security update is pending, by lists of the last 1 day");
}

TEST(PendingSecurityUpdates, OldListsDoNotSayThatThereAreNone) {
  const auto rule = make("pending-security-updates", {{"max", std::int64_t{0}}});
  expect(*rule, pending(0, ago(7 * kDay)), kMatch, "security_updates_within");
  expect_until(*rule, pending(0, ago(7 * kDay)), kNow.wall + Millis(1));
  expect(*rule, pending(0, ago(7 * kDay + Millis(1))), kUnknown, "update_lists_old");
  expect(*rule, pending(1, ago(300 * kDay)), kNoMatch, "security_updates_pending");  // whatever else came since
  const auto patient =
      make("pending-security-updates", {{"max", std::int64_t{0}}, {"lists_within_days", std::int64_t{30}}});
  expect(*patient, pending(0, ago(30 * kDay)), kMatch, "security_updates_within");
  expect(*patient, pending(0, ago(30 * kDay + Millis(1))), kUnknown, "update_lists_old");
  expect(*rule, pending(0, known(std::int64_t{0})), kUnknown, "update_lists_missing");
  expect(*rule, pending(0, ago(-kDay)), kMatch, "security_updates_within");
  expect(*rule, pending(0, ago(-kDay - Millis(1))), kUnknown, "time_in_future");
}

TEST(PendingSecurityUpdates, UnknownIsNotNone) {
  const auto rule = make("pending-security-updates", {{"max", std::int64_t{100'000}}});
  expect_unknowns(*rule, pending(0, ago(kDay)), keys::kSecurityPending, text("0"));
  expect_unknowns(*rule, pending(0, ago(kDay)), keys::kSecurityListsAt, text("today"));
  expect(*rule, facts_of({{keys::kSecurityPending, known(std::int64_t{100'001})}}), kNoMatch,
         "security_updates_pending");
}

TEST(PendingSecurityUpdates, HasBounds) {
  EXPECT_EQ(refusal("pending-security-updates", {}), "max: is missing");
  EXPECT_EQ(refusal("pending-security-updates", {{"max", std::int64_t{-1}}}),
            "max: -1 is not allowed; it must be 0 to 100000");
  EXPECT_EQ(refusal("pending-security-updates", {{"max", std::int64_t{0}}, {"lists_within_days", std::int64_t{0}}}),
            "lists_within_days: 0 is not allowed; it must be 1 to 3650");
}

}  // namespace
}  // namespace postern::posture
