#include "vuln/osv_ranges.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace postern::vuln {
namespace {

using enum RangeEventKind;
using Intervals = std::vector<AffectedInterval>;

Intervals intervals(std::vector<RangeEvent> events) {
  Intervals out;
  const auto status = add_intervals(versions::Order::kDpkg, std::move(events), out);
  EXPECT_TRUE(status) << status.error().message;
  return out;
}

TEST(OsvRanges, FromTheFirstToTheFix) {
  EXPECT_EQ(intervals({{kIntroduced, "0"}, {kFixed, "2"}}), (Intervals{{"", "2", ""}}));
  EXPECT_EQ(intervals({{kIntroduced, "1"}, {kFixed, "2"}}), (Intervals{{"1", "2", ""}}));
  EXPECT_EQ(intervals({{kIntroduced, "0"}}), (Intervals{{"", "", ""}}));
  EXPECT_EQ(intervals({{kIntroduced, "1"}, {kLastAffected, "2"}}), (Intervals{{"1", "", "2"}}));
}

TEST(OsvRanges, SeveralIntervalsInWhateverOrderTheEventsCome) {
  std::vector<RangeEvent> events = {{kIntroduced, "0"}, {kFixed, "2"},   {kIntroduced, "3"},
                                    {kFixed, "10"},     {kIntroduced, "1:1"}};
  const Intervals expected = {{"", "2", ""}, {"3", "10", ""}, {"1:1", "", ""}};
  const auto by_text = [](const RangeEvent& a, const RangeEvent& b) {
    return std::pair(a.version, a.kind) < std::pair(b.version, b.kind);
  };
  std::sort(events.begin(), events.end(), by_text);
  do {
    EXPECT_EQ(intervals(events), expected);
  } while (std::next_permutation(events.begin(), events.end(), by_text));
}

TEST(OsvRanges, FixedInAVersionMayBeIntroducedInItAgain) {
  EXPECT_EQ(intervals({{kIntroduced, "0"}, {kIntroduced, "2"}, {kFixed, "2"}}),
            (Intervals{{"", "2", ""}, {"2", "", ""}}));
  EXPECT_EQ(intervals({{kLastAffected, "2"}, {kIntroduced, "2"}}), (Intervals{{"2", "", "2"}}));
}

TEST(OsvRanges, NeverAffectedIsNoInterval) {
  EXPECT_EQ(intervals({{kIntroduced, "0"}, {kFixed, "0"}}), Intervals{});
  EXPECT_EQ(intervals({{kIntroduced, "2"}, {kFixed, "1"}}), (Intervals{{"2", "", ""}}));
}

TEST(OsvRanges, AreSortedByTheOrderOfTheEcosystem) {
  // By rpm's order 1.0^git is a version before 1.0.1; dpkg knows no such version at all.
  Intervals out;
  const std::vector<RangeEvent> events = {
      {kFixed, "1.0.1"}, {kIntroduced, "1.0^git"}, {kIntroduced, "0"}, {kFixed, "1.0"}};
  ASSERT_TRUE(add_intervals(versions::Order::kRpm, events, out));
  EXPECT_EQ(out, (Intervals{{"", "1.0", ""}, {"1.0^git", "1.0.1", ""}}));
  const auto status = add_intervals(versions::Order::kDpkg, events, out);
  ASSERT_FALSE(status);
  EXPECT_NE(status.error().message.find("no dpkg version"), std::string::npos) << status.error().message;
}

TEST(OsvRanges, BadEventsAreRefused) {
  for (const auto& events : std::vector<std::vector<RangeEvent>>{
           {},
           {{kFixed, "1"}},
           {{kIntroduced, "0"}, {kFixed, ""}},
           {{kIntroduced, "not a version"}},
           {{kIntroduced, "0"}, {kLimit, "2"}}}) {
    Intervals out;
    const auto status = add_intervals(versions::Order::kDpkg, events, out);
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, ErrorCode::kInvalidArgument);
    EXPECT_TRUE(out.empty());
  }
}

}  // namespace
}  // namespace postern::vuln
