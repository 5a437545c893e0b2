#include "ems/registry/history.h"

#include <gtest/gtest.h>

#include "ems/registry/registry.h"
#include "posture/fact_keys.h"
#include "wire/telemetry.pb.h"

namespace postern::ems {
namespace {

namespace keys = posture::keys;
using posture::Fact;

/// The undo of a change by which a fact that was so vanished.
std::string undo_of(const std::string& key, const Fact& fact) {
  const Endpoint after;
  PostureTable::Before before;
  before.facts.emplace(key, fact);
  const auto changes = endpoint_changes(&after, &after, before, [](posture::TagId) { return std::string(); });
  return changes.size() == 1 ? changes[0].undo : "";
}

wire::Report counts_with(const std::string& first) {
  wire::Report report;
  report.ParseFromString(
      undo_of(std::string(keys::kEmsVulnerabilities), {posture::VulnerabilityCounts{.critical = 3}, {}, "ems"}));
  report.mutable_facts(0)->mutable_texts()->set_values(0, first);
  return report;
}

TEST(History, CountsComeBackAsTheyWere) {
  const Fact before{posture::VulnerabilityCounts{
                        .critical = 1, .high = 2, .medium = 3, .low = 4, .info = 5, .unknown = 6, .unknown_fixable = 7},
                    {},
                    "ems"};
  const std::string key(keys::kEmsVulnerabilities);
  posture::FactMap facts;
  ASSERT_TRUE(undo_facts(undo_of(key, before), facts));
  EXPECT_EQ(facts.at(key), before);
}

TEST(History, AnAgentThatSaysItsFactsAreTheEmssCountsHidesNothing) {
  const Fact before{std::string("Debian"), {}, "ems.counts"};
  posture::FactMap facts;
  ASSERT_TRUE(undo_facts(undo_of("os.name", before), facts));
  EXPECT_EQ(facts.at("os.name"), before);
}

TEST(History, DamageIsToldAndNoNumber) {
  posture::FactMap facts;
  EXPECT_TRUE(undo_facts(counts_with("9").SerializeAsString(), facts));
  for (const char* damaged : {"", "x", "-1", "4294967296"}) {
    const auto refused = undo_facts(counts_with(damaged).SerializeAsString(), facts);
    ASSERT_FALSE(refused) << damaged;
    EXPECT_EQ(refused.error().code, ErrorCode::kDataLoss);
  }
  wire::Report nothing;
  nothing.add_facts()->set_key("os.name");  // neither a value nor a reason why there is none
  const auto refused = undo_facts(nothing.SerializeAsString(), facts);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kDataLoss);
}

TEST(History, ChangesOfTagsSayWhichTagsTheyWereWhateverTheyAreCalled) {
  Endpoint after;
  after.last_seen = from_unix_ms(1'000);
  after.excused = Millis(500);
  PostureTable::Before before;
  before.tags = {{7, posture::TagState::kHas}, {9, posture::TagState::kUnknown}};
  const auto changes = endpoint_changes(&after, &after, before, [](posture::TagId id) { return "T" + std::to_string(id); });
  ASSERT_EQ(changes.size(), 1u);
  const auto tags = tag_states_before(changes[0].json, changes[0].undo);
  ASSERT_EQ(tags.size(), 2u);
  EXPECT_EQ(tags[0].id, 7u);
  EXPECT_EQ(tags[0].name, "T7");
  EXPECT_EQ(tags[0].state, posture::TagState::kHas);
  EXPECT_EQ(tags[1].id, 9u);
  EXPECT_EQ(confirmed_by(changes[0].undo), from_unix_ms(1'500));
  // As versions before this wrote it down.
  const auto old = tag_states_before(changes[0].json, "");
  ASSERT_EQ(old.size(), 2u);
  EXPECT_EQ(old[0].id, 0u);
  EXPECT_EQ(old[0].name, "T7");
  for (const char* damaged : {"", "[]", R"({"confirmed_ms":-9223372036854775808})", R"({"confirmed_ms":"1"})"}) {
    EXPECT_EQ(confirmed_by(damaged), std::nullopt) << damaged;
  }
}

TEST(History, WhoGoesOfflineWasHeardLastThen) {
  Endpoint before, after;
  before.online = true;
  after.last_seen = from_unix_ms(1'000);
  const auto changes = endpoint_changes(&before, &after, {}, [](posture::TagId) { return std::string(); });
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_NE(changes[0].json.find(R"("last_seen":"1970-01-01T00:00:01.000Z")"), std::string::npos) << changes[0].json;
  EXPECT_EQ(confirmed_by(changes[0].undo), after.last_seen);
}

}  // namespace
}  // namespace postern::ems
