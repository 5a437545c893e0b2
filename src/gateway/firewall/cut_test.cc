#include "gateway/firewall/cut.h"

#include <gmock/gmock.h>

namespace postern::gateway::firewall {
namespace {

using policy::Reason;
using testing::ElementsAre;
using testing::IsEmpty;

class WhyCutTest : public testing::Test {
 protected:
  static Policy policy(std::uint32_t id, config::Action action, std::vector<std::string> tags, bool negate = false) {
    Policy p;
    p.id = id;
    p.action = action;
    p.condition.tags = std::move(tags);
    p.condition.negate = negate;
    return p;
  }
  static AddressEntry entry(std::set<std::string> tags, std::set<std::string> known = {"A", "B"}) {
    AddressEntry e;
    e.ip = *IpAddress::parse("10.0.1.2");
    known.insert(tags.begin(), tags.end());
    e.tags = std::move(tags);
    e.known = std::move(known);
    e.owner.connector = 3;
    return e;
  }
  std::optional<Cut> why(const std::vector<Policy>& was, const AddressEntry* before, const std::vector<Policy>& is,
                         const AddressEntry* now) const {
    return why_cut(flow, {was, before}, {is, now}, gone);
  }
  const Flow flow{*IpAddress::parse("10.0.1.2"), *IpAddress::parse("10.0.3.1"), 6, 80, 4711};
  const Gone gone{Reason::kOffline, "away"};
  const AddressEntry a = entry({"A"}), b = entry({"B"}), none = entry({}), both = entry({"A", "B"});
  const AddressEntry unknown = entry({}, {"B"});
  static constexpr auto kAccept = config::Action::kAccept, kDeny = config::Action::kDeny;
  const std::vector<Policy> needs_a{policy(1, kAccept, {"A"})}, not_b{policy(2, kAccept, {"B"}, true)},
      b_refused{policy(3, kDeny, {"B"}), policy(1, kAccept, {"A"})}, open{policy(4, kAccept, {})}, shut{policy(5, kDeny, {})};
};

void expect(const std::optional<Cut>& cut, Reason reason, std::uint32_t policy) {
  ASSERT_TRUE(cut);
  EXPECT_EQ(cut->reason, reason);
  EXPECT_EQ(cut->policy, policy);
}

TEST_F(WhyCutTest, ATagThatIsMissingOrUnknown) {
  const auto lost = why(needs_a, &a, needs_a, &none);
  expect(lost, Reason::kMissingTag, 1);
  EXPECT_THAT(lost->tags, ElementsAre("A"));
  EXPECT_EQ(lost->owner.connector, 3);
  expect(why(needs_a, &a, needs_a, &unknown), Reason::kPostureUnknown, 1);
}

TEST_F(WhyCutTest, ATagThatForbids) {
  const auto came = why(b_refused, &a, b_refused, &both);
  expect(came, Reason::kForbiddenTag, 3);
  EXPECT_THAT(came->tags, ElementsAre("B"));
  expect(why(not_b, &a, not_b, &both), Reason::kForbiddenTag, 2);
  const auto neither = entry({}, {"A"});
  expect(why(not_b, &none, not_b, &neither), Reason::kPostureUnknown, 2);
}

TEST_F(WhyCutTest, APolicyThatChanged) {
  expect(why(needs_a, &a, {}, &a), Reason::kNoPolicy, 1);
  expect(why(needs_a, &a, {policy(1, kDeny, {"A"})}, &a), Reason::kForbiddenTag, 1);
  expect(why(needs_a, &a, shut, &a), Reason::kDenyPolicy, 5);
  expect(why(open, nullptr, {}, nullptr), Reason::kNoPolicy, 4);
  Policy elsewhere = policy(1, kAccept, {"A"});
  elsewhere.destinations.push_back({*IpAddress::parse("10.9.0.1"), *IpAddress::parse("10.9.0.1")});
  const auto moved = why(needs_a, &a, {elsewhere}, &a);
  expect(moved, Reason::kNoPolicy, 1);
  EXPECT_THAT(moved->tags, IsEmpty());
}

TEST_F(WhyCutTest, AnEndpointThatIsGoneEndsForItsOwnReason) {
  const auto away = why(needs_a, &a, needs_a, nullptr);
  expect(away, Reason::kOffline, 1);
  EXPECT_EQ(away->detail, "away");
  EXPECT_EQ(away->owner.connector, 3);
  expect(why(b_refused, &a, b_refused, nullptr), Reason::kOffline, 1);
  // What needs no tag is not the endpoint's.
  expect(why(open, &a, {}, nullptr), Reason::kNoPolicy, 4);
}

TEST_F(WhyCutTest, WhatWasNotLetThroughIsNotTold) {
  EXPECT_FALSE(why(needs_a, &none, needs_a, nullptr));
  EXPECT_FALSE(why({}, &a, {}, &a));
}

TEST(Forgotten, TellsOfAThousandAndCountsTheRestByReason) {
  Forgotten all;
  for (std::size_t i = 0; i < Forgotten::kTold + 5; ++i) {
    Cut cut;
    cut.reason = i % 2 ? Reason::kOffline : Reason::kMissingTag;
    all.add(cut);
  }
  EXPECT_EQ(all.cuts.size(), Forgotten::kTold);
  EXPECT_EQ(all.beyond.at(Reason::kMissingTag), 3u);
  EXPECT_EQ(all.beyond.at(Reason::kOffline), 2u);
}

}  // namespace
}  // namespace postern::gateway::firewall
