// Ten thousand rules in an EMS: saved in one go, followed by endpoints, explained. What it takes is counted.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "ems/core/test_lab.h"
#include "proto/fact_codec.h"
#include "wire/telemetry.pb.h"

namespace postern::ems::testing {
namespace {

using posture::TagState;

constexpr std::size_t kManyTags = 100;
constexpr std::size_t kAskedPackages = 40;

std::string asked_package(std::size_t n) { return fmt::format("p{}", n % kAskedPackages); }

/// A hundred rules, none as another's, any of which gives it.
posture::TagDefinition hundred_rules(std::size_t tag) {
  posture::TagDefinition out;
  out.name = TagName(fmt::format("T{}", tag));
  std::vector<std::string> ids;
  for (std::size_t i = 0; i < posture::kMaxRules; ++i) {
    const std::size_t n = tag * posture::kMaxRules + i;
    out.rules.push_back({.id = static_cast<std::uint32_t>(i + 1),
                         .os = posture::OsFamily::kLinux,
                         .type = "package",
                         .parameters = {{"packages", std::vector{asked_package(n)}},
                                        {"op", ">="},
                                        {"version", std::to_string(n / kAskedPackages)}}});
    ids.push_back(std::to_string(i + 1));
  }
  out.logic[posture::OsFamily::kLinux] = fmt::format("{}", fmt::join(ids, " or "));
  return out;
}

/// In a row of tags of which each refers to the one before it, the first to T0.
posture::TagDefinition stands_on(std::size_t level) {
  posture::TagDefinition out;
  out.name = TagName(fmt::format("Level{}", level));
  const std::string below = level == 0 ? "T0" : fmt::format("Level{}", level - 1);
  out.rules = {{.id = 1, .os = posture::OsFamily::kLinux, .type = "tag", .parameters = {{"tags", std::vector{below}}}}};
  return out;
}

class ManyRulesInAnEms : public Lab {
 protected:
  void SetUp() override {
    ChangeSet set;
    for (std::size_t i = 0; i < kManyTags; ++i) set.save.push_back(hundred_rules(i));
    for (std::size_t i = 0; i + 1 < posture::kMaxTagDepth; ++i) set.save.push_back(stands_on(i));
    tags_ = set.save.size();
    const auto commits = store.commits();
    std::optional<Result<Applied>> done;
    core->apply(clock.now(), admin, std::move(set), [&](Result<Applied> applied) { done = std::move(applied); });
    run();
    ASSERT_TRUE(done && *done) << (done ? done->error().message : "nobody answered");
    EXPECT_EQ(store.commits(), commits + 1);
  }
  void has_packages(TestAgent& agent, const std::string& newest_p0) {
    std::vector<std::pair<std::string, posture::FactValue>> facts{{std::string(keys::kOsId), std::string("debian")}};
    for (std::size_t i = 0; i < kAskedPackages; ++i)
      facts.emplace_back("package.versions:" + asked_package(i), std::vector<std::string>());
    facts[1].second = std::vector{newest_p0};
    report(agent, facts);
    run();
  }
  std::size_t stored_bytes() const {
    std::size_t out = 0;
    EXPECT_TRUE(store.load([&](TableId, std::string_view key, std::string_view value) -> Status {
      out += key.size() + value.size();
      return {};
    }));
    return out;
  }

  std::size_t tags_ = 0;
};

TEST_F(ManyRulesInAnEms, EndpointsFollowThemAndAreExplained) {
  EXPECT_LT(stored_bytes(), std::size_t{4} << 20);
  TestAgent none, some, all;
  for (TestAgent* agent : {&none, &some, &all})
    join(*agent, fmt::format("02:00:00:00:00:0{}", agent == &none ? 1 : agent == &some ? 2 : 3));
  has_packages(some, "0");
  has_packages(all, "10000");
  const std::size_t told = none.inbox.size();
  has_packages(none, "0~");                 // older than any rule asks for
  EXPECT_LE(none.inbox.size() - told, 3u);  // an acknowledgement and its tags, and nothing for each of them
  EXPECT_EQ(none.tags().size(), 1u);        // the built-in one
  EXPECT_EQ(some.tags().size(), 1u + posture::kMaxTagDepth);
  EXPECT_EQ(all.tags().size(), 1u + tags_);

  const auto top = fmt::format("Level{}", posture::kMaxTagDepth - 2);
  for (const auto& [agent, state] :
       {std::pair(&none, TagState::kAbsent), {&some, TagState::kHas}, {&all, TagState::kHas}}) {
    for (const auto& tag : {std::string("T0"), top}) {
      const auto why = core->explain(clock.now(), agent->uid(), tag);
      ASSERT_TRUE(why) << why.error().message;
      EXPECT_EQ(why->state, state) << tag;
      EXPECT_EQ(why->rules.size(), tag == top ? 1u : posture::kMaxRules);
    }
  }
}

TEST_F(ManyRulesInAnEms, AgentsAreAskedForEachFactOnceAndARestartChangesNothing) {
  TestAgent agent;
  join(agent);
  has_packages(agent, "10000");
  const auto* asked = agent.last(wire::TelemetryFrame::kProbes);
  ASSERT_NE(asked, nullptr);
  EXPECT_LE(static_cast<std::size_t>(asked->probes().keys_size()), kAskedPackages + 20);
  const auto bytes = stored_bytes();
  restart();
  connect(agent, agent.seq);
  keep_alive(agent);
  run();
  EXPECT_EQ(agent.tags().size(), 1u + tags_);
  EXPECT_NEAR(static_cast<double>(stored_bytes()), static_cast<double>(bytes), 4096);
}

}  // namespace
}  // namespace postern::ems::testing
