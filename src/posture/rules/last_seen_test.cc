#include <gmock/gmock.h>

#include "posture/rules/rule_lab.h"

namespace postern::posture {
namespace last_seen_rule {
namespace {

using namespace testing;
using ::testing::HasSubstr;
using enum Verdict;
using std::chrono::minutes;

struct Said {
  Verdict verdict;
  std::string reason;
  WallTime until;
};

Said judge(const Condition& rule, const FactMap& facts, WallTime now, WallTime seen) {
  const FactView view(facts, {now, {}}, seen);
  const Judgement judgement = rule.judge(view);
  return {judgement.verdict, std::string(judgement.reason->code), view.until()};
}

FactMap online(Fact fact) { return {{std::string(keys::kEmsOnline), std::move(fact)}}; }

TEST(LastSeen, CrossesItsThresholdWhileNotConnected) {
  const auto rule = make("last-seen", {{"within_minutes", std::int64_t{10}}});
  const WallTime last = kThen + minutes(10), after = last + Millis(1);
  const Said seen = judge(*rule, online(known(false)), last, kThen);
  EXPECT_EQ(seen.verdict, kMatch);
  EXPECT_EQ(seen.reason, "seen_recently");
  EXPECT_EQ(seen.until, after);
  const Said lost = judge(*rule, online(known(false)), after, kThen);
  EXPECT_EQ(lost.verdict, kNoMatch);
  EXPECT_EQ(lost.reason, "seen_long_ago");
  EXPECT_EQ(lost.until, WallTime::max());
  // Connected is seen now, however old the last keepalive is.
  const Said now = judge(*rule, online(known(true)), after, kThen);
  EXPECT_EQ(now.verdict, kMatch);
  EXPECT_EQ(now.reason, "seen_now");
  EXPECT_EQ(now.until, WallTime::max());
  EXPECT_TRUE(rule->timed());
  EXPECT_EQ(rule->describe(), "the agent gave a sign of life within the last 10 minutes");
  EXPECT_EQ(make("last-seen", {{"within_minutes", std::int64_t{1}}})->describe(),
            "the agent gave a sign of life within the last 1 minute");
}

TEST(LastSeen, UnknownOnlyWhereItDecides) {
  const auto rule = make("last-seen", {{"within_minutes", std::int64_t{10}}});
  const Fact stale = unknown(UnknownReason::kStale);
  EXPECT_EQ(judge(*rule, online(stale), kThen + minutes(5), kThen).verdict, kMatch);
  EXPECT_EQ(judge(*rule, online(stale), kThen + minutes(11), kThen).reason, "stale");
  const Said never = judge(*rule, online(known(false)), kThen, WallTime::min());
  EXPECT_EQ(never.verdict, kUnknown);
  EXPECT_EQ(never.reason, "never_seen");
  EXPECT_EQ(judge(*rule, online(known(true)), kThen, WallTime::min()).verdict, kMatch);
  expect_unknowns(*rule, {}, keys::kEmsOnline, text("yes"));
}

TEST(LastSeen, Refusals) {
  EXPECT_THAT(refusal("last-seen", {}), HasSubstr("within_minutes: is missing"));
  EXPECT_THAT(refusal("last-seen", {{"within_minutes", std::int64_t{0}}}), HasSubstr("0 is not allowed; it must be 1 to 527040"));
}

}  // namespace
}  // namespace last_seen_rule
}  // namespace postern::posture
