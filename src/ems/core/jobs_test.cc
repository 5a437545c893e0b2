// Work beside everything else: in pieces, and visible while it lasts.
#include <list>

#include "ems/core/test_lab.h"
#include "ems/tagging/matching.h"
#include "posture/tag_json.h"
#include "proto/deflate.h"
#include "wire/telemetry.pb.h"

namespace postern::ems::testing {
namespace {

/// Has no numbers to give: each inventory is matched whole.
class Thorough final : public Matching {
 public:
  Result<MatchResult> match(std::string_view, std::string_view) const override { return MatchResult{}; }
};

class JobsTest : public Lab {
 protected:
  void add_with_inventories(int count) {
    for (int i = 0; i < count; ++i) {
      auto& agent = agents_.emplace_back();
      join(agent);
      const auto text = "inventory " + std::to_string(i);
      wire::TelemetryFrame frame;
      frame.mutable_inventory()->set_hash(std::string(as_text(sha256(text))));
      frame.mutable_inventory()->set_zlib(proto::deflate_text(text));
      wire::TelemetryFrame offer;
      offer.mutable_inventory_offer()->set_hash(std::string(as_text(sha256(text))));
      send(agent, offer);
      send(agent, frame);
    }
    run();
  }
  std::list<TestAgent> agents_;
};

TEST_F(JobsTest, HowFarMatchingIsCanBeSeen) {
  add_with_inventories(10);
  EXPECT_TRUE(core->work().empty());
  core->set_matching(clock.now(), std::make_shared<Thorough>(), {});
  auto work = core->work();
  ASSERT_EQ(work.size(), 1u);
  EXPECT_EQ(work[0].kind, "match");
  EXPECT_EQ(work[0].done, 0u);
  EXPECT_EQ(work[0].total, 10u);
  EXPECT_FALSE(work[0].started_at);
  const auto began = clock.now().wall;
  core->flush(clock.now());
  clock.advance(Seconds(1));
  work = core->work();
  ASSERT_EQ(work.size(), 1u);
  EXPECT_EQ(work[0].done, 8u);
  EXPECT_EQ(work[0].started_at, began);
  run();
  EXPECT_TRUE(core->work().empty());
}

TEST_F(JobsTest, WorkOfOneKindIsCountedTogether) {
  add_with_inventories(3);
  for (const char* name : {"One", "Two"}) {
    const auto tag = posture::parse_tag_json(
        R"({"name":")" + std::string(name) +
        R"(","rules":[{"id":1,"os":"linux","type":"ems-management"}]})");
    ASSERT_TRUE(tag) << tag.error().message;
    core->save_tag(clock.now(), admin, name, *tag, false, nullptr);
  }
  const auto work = core->work();
  ASSERT_EQ(work.size(), 1u);
  EXPECT_EQ(work[0].kind, "evaluate");
  EXPECT_EQ(work[0].total, 3u);  // each endpoint once, with both
  run();
  EXPECT_TRUE(core->work().empty());
}

TEST_F(JobsTest, FeedsAreShownUntilTheLastOfThemIsRead) {
  Feed one, two;
  one.name = "one";
  two.name = "two";
  one.given = two.given = true;
  core->set_matching(clock.now(), nullptr, {one, two});
  run();
  const auto began = clock.now().wall;
  core->show_feed_state(clock.now(), "one", FeedState::kFetching, {});
  clock.advance(Seconds(3));
  core->show_feed_state(clock.now(), "two", FeedState::kReading, {});
  core->show_feed_state(clock.now(), "one", FeedState::kReading, {});
  auto work = core->work();
  ASSERT_EQ(work.size(), 1u);
  EXPECT_EQ(work[0].kind, "read_feeds");
  EXPECT_EQ(work[0].done, 0u);
  EXPECT_EQ(work[0].total, 2u);
  EXPECT_EQ(work[0].started_at, began);
  core->show_feed_state(clock.now(), "two", FeedState::kFailed, {});
  work = core->work();
  ASSERT_EQ(work.size(), 1u);
  EXPECT_EQ(work[0].done, 1u);
  core->show_feed_state(clock.now(), "one", FeedState::kIdle, {});
  EXPECT_TRUE(core->work().empty());
}

}  // namespace
}  // namespace postern::ems::testing
