// What a new feed costs a fleet, and that the outcome is what working out everything anew would give.
#include "ems/tagging/matching.h"

#include <fmt/format.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <list>

#include "ems/core/test_lab.h"
#include "ems/tagging/vuln_matching.h"
#include "proto/deflate.h"
#include "wire/telemetry.pb.h"

namespace postern::ems::testing {
namespace {

using Frame = wire::TelemetryFrame;

/// An inventory "1111" has CVE-2024-1111 open, in as many places as it is told. What it was asked is counted.
class Scripted final : public Matching {
 public:
  explicit Scripted(std::uint32_t high) : high_(high) {}

  Result<MatchResult> match(std::string_view inventory, std::string_view) const override {
    ++matches;
    const auto hash = sha256(inventory);
    known[hash] = "CVE-2024-" + std::string(inventory);
    MatchResult out;
    out.counts.high = out.total = high_;
    out.cves = {known[hash]};
    out.findings.push_back({known[hash], "openssl", "openssl", "1", "2", "high", false});
    return out;
  }
  std::optional<MatchSummary> summary(const Sha256& hash, std::string_view) const override {
    ++summaries;
    if (!known.contains(hash)) return std::nullopt;
    MatchSummary out;
    out.counts.high = out.total = high_;
    return out;
  }
  std::optional<std::vector<std::string>> open_among(const std::vector<std::string>& cves, const Sha256& hash,
                                                     std::string_view) const override {
    if (!known.contains(hash)) return std::nullopt;
    std::vector<std::string> out;
    std::ranges::copy_if(cves, std::back_inserter(out), [&](const auto& cve) { return cve == known[hash]; });
    return out;
  }
  bool says_the_same(const Matching& before, const Sha256& hash) const override {
    return known.contains(hash) && dynamic_cast<const Scripted&>(before).high_ == high_;
  }
  void forget(const Sha256& hash) const override {
    known.erase(hash);
    forgotten.push_back(hash);
  }

  static inline std::map<Sha256, std::string> known;  ///< Shared by all, as VulnMatching's memory is.
  mutable int matches = 0, summaries = 0;
  mutable std::vector<Sha256> forgotten;

 private:
  std::uint32_t high_;
};

class MatchingTest : public Lab {
 protected:
  MatchingTest() { Scripted::known.clear(); }
  ~MatchingTest() override {
    if (!feeds_.empty()) std::filesystem::remove_all(feeds_);
  }

  TestAgent& add(const std::string& inventory, const std::string& kernel = "6.1.0-9-amd64") {
    auto& agent = agents_.emplace_back();
    join(agent);
    report(agent, {{std::string(keys::kKernelRelease), kernel}});
    has(agent, inventory);
    return agent;
  }
  void has(TestAgent& agent, const std::string& text) {
    agent.inbox.clear();
    Frame offer, inventory;
    offer.mutable_inventory_offer()->set_hash(std::string(as_text(sha256(text))));
    send(agent, offer);
    run();
    if (agent.last(Frame::kInventoryWanted) == nullptr) return;  // somebody else has it
    inventory.mutable_inventory()->set_hash(std::string(as_text(sha256(text))));
    inventory.mutable_inventory()->set_zlib(proto::deflate_text(text));
    send(agent, inventory);
    run();
  }
  void use(std::shared_ptr<const Matching> matching) { core->set_matching(clock.now(), std::move(matching), {}); }

  const VulnerabilityState& state(const TestAgent& agent) {
    static const VulnerabilityState kNone;
    const auto& found = core->endpoint(agent.uid())->vulnerabilities;
    EXPECT_TRUE(found);
    return found ? *found : kNone;
  }
  std::string stored(const TestAgent& agent) {
    const auto row = store.get(TableId::kEndpointState, agent.uid().str());
    return row && *row ? **row : "";
  }
  std::shared_ptr<const Matching> read_feed(const std::vector<std::pair<std::string, double>>& sources,
                                            std::shared_ptr<const Matching> in_force = nullptr) {
    if (feeds_.empty()) {
      std::string name = (std::filesystem::temp_directory_path() / "postern-matching-XXXXXX").native();
      feeds_ = ::mkdtemp(name.data());
    }
    std::ofstream out(feeds_ / "osv");
    int n = 1000;
    for (const auto& [source, score] : sources) {
      ++n;
      out << fmt::format(R"({{"id":"DEBIAN-CVE-2024-{0}","upstream":["CVE-2024-{0}"],"affected":[{{"package":{{)"
                         R"("ecosystem":"Debian:12","name":"{1}"}},"ranges":[{{"type":"ECOSYSTEM","events":[)"
                         R"({{"introduced":"0"}},{{"fixed":"9"}}]}}]}}],"database_specific":{{"cvss3_base":{2}}}}})",
                         n, source, score)
          << "\n";
    }
    out.close();
    Feed feed;
    feed.name = "osv";
    return load_matching({{feed, feeds_ / "osv"}}, clock.now().wall, std::move(in_force)).matching;
  }
  static std::string packages(std::initializer_list<const char*> sources) {
    std::string out = "postern-inventory 1\ndistro debian 12\n";
    for (const auto* s : sources) out += fmt::format("{} amd64 1 {} 1\n", s, s);
    return out;
  }

  std::list<TestAgent> agents_;
  std::filesystem::path feeds_;
};

TEST_F(MatchingTest, EachInventoryIsMatchedOnceForAllThatHaveIt) {
  const auto first = std::make_shared<Scripted>(1);
  use(first);
  for (int i = 0; i < 30; ++i) add(i % 2 ? "1111" : "2222");
  EXPECT_EQ(first->matches, 2);
  EXPECT_LE(first->summaries, 4);
  const auto& another_kernel = add("1111", "6.1.0-10-amd64");
  EXPECT_EQ(state(another_kernel).counts.high, 1u);
  EXPECT_EQ(first->matches, 2);  // its numbers are enough

  // Another feed that says something else of both: nobody is matched, all follow.
  const auto second = std::make_shared<Scripted>(5);
  use(second);
  run();
  EXPECT_EQ(second->matches, 0);
  EXPECT_EQ(second->summaries, 3);
  for (const auto& agent : agents_) EXPECT_EQ(state(agent).total, 5u);
}

TEST_F(MatchingTest, WhereANewFeedSaysTheSameNothingIsAskedAndNothingStored) {
  use(std::make_shared<Scripted>(1));
  const auto& a = add("1111");
  core->tick(clock.now());
  run();
  const auto before = stored(a);
  const auto commits = store.commits();
  clock.advance(Seconds(5));
  const auto second = std::make_shared<Scripted>(1);
  use(second);
  run();
  EXPECT_EQ(second->summaries + second->matches, 0);
  EXPECT_EQ(store.commits(), commits);
  EXPECT_EQ(stored(a), before);
  // It was matched with it all the same, and says so.
  EXPECT_EQ(state(a).scanned_at, clock.now().wall);
  EXPECT_EQ(*core->endpoint(a.uid())->known<std::int64_t>(keys::kEmsVulnScannedAt),
            to_unix_ms(clock.now().wall));
  // With what is stored of it anyhow, that is too.
  clock.advance(Seconds(5));
  report(agents_.front(), {{"process:sshd", true}});
  run();
  EXPECT_NE(stored(a).find(std::to_string(to_unix_ms(state(a).scanned_at))), std::string::npos) << stored(a);
}

TEST_F(MatchingTest, AFeedThatComesBeforeAllFollowedTheOneBeforeIsComparedWithTheOldest) {
  use(std::make_shared<Scripted>(1));
  for (int i = 0; i < 5; ++i) add("1111");
  // 1 -> 7 -> 7: the last two say the same, and nobody followed the second.
  use(std::make_shared<Scripted>(7));
  use(std::make_shared<Scripted>(7));
  run();
  for (const auto& agent : agents_) EXPECT_EQ(state(agent).total, 7u);
  // No feed at all, and back: everybody is asked.
  use(nullptr);
  use(std::make_shared<Scripted>(8));
  run();
  for (const auto& agent : agents_) EXPECT_EQ(state(agent).total, 8u);
}

TEST_F(MatchingTest, OnlyAnInventoryThatHasTheAcceptedFindingIsLookedAtWhole) {
  const auto matching = std::make_shared<Scripted>(1);
  use(matching);
  auto& with = add("1111");
  auto& without = add("2222");
  const auto before = matching->matches;
  Risk risk;
  risk.cve = "CVE-2024-1111";
  risk.reason = "behind a proxy";
  risk.expires_at = clock.now().wall + kDay;
  Result<std::string> id = fail(ErrorCode::kInternal, "not called");
  core->accept_risk(clock.now(), admin, risk, [&](Result<std::string> made) { id = std::move(made); });
  run();
  ASSERT_TRUE(id);
  EXPECT_EQ(state(with).total, 0u);
  EXPECT_EQ(state(without).total, 1u);
  EXPECT_EQ(matching->matches, before);  // the findings were kept
  // After another feed too.
  const auto second = std::make_shared<Scripted>(2);
  use(second);
  run();
  EXPECT_EQ(state(with).total, 0u);
  EXPECT_EQ(state(without).total, 2u);
  EXPECT_EQ(second->matches, 1);
  core->remove_risk(clock.now(), admin, *id, nullptr);
  run();
  EXPECT_EQ(state(with).total, 2u);
  // Of one endpoint: the other, with the same packages, is not concerned.
  auto& twin = add("1111");
  risk.endpoint = with.uid().str();
  core->accept_risk(clock.now(), admin, risk, nullptr);
  run();
  EXPECT_EQ(state(with).total, 0u);
  EXPECT_EQ(state(twin).total, 2u);
}

TEST_F(MatchingTest, CvesThatRulesAskForAreAnsweredWithoutFindings) {
  const auto matching = std::make_shared<Scripted>(1);
  use(matching);
  auto& a = add("1111");
  auto& b = add("2222");
  const auto before = matching->matches;
  save_tag(R"({"name":"Has-1111","rules":[{"id":1,"os":"linux","type":"cve","cves":["CVE-2024-1111"]}]})");
  run();
  EXPECT_EQ(matching->matches, before);
  EXPECT_TRUE(a.tags().contains("Has-1111"));
  EXPECT_FALSE(b.tags().contains("Has-1111"));
  EXPECT_EQ(state(a).asked_cves, (std::map<std::string, bool>{{"CVE-2024-1111", true}}));
  EXPECT_EQ(state(b).asked_cves, (std::map<std::string, bool>{{"CVE-2024-1111", false}}));
}

TEST_F(MatchingTest, WhatNobodyHasAnyMoreIsForgotten) {
  const auto matching = std::make_shared<Scripted>(1);
  use(matching);
  auto& a = add("1111");
  auto& b = add("1111");
  has(a, "2222");
  EXPECT_TRUE(matching->forgotten.empty());  // the other one has it
  has(b, "2222");
  EXPECT_EQ(matching->forgotten, std::vector{sha256("1111")});
  has(b, "1111");
  EXPECT_EQ(state(b).total, 1u);
  EXPECT_EQ(matching->matches, 3);
}

TEST_F(MatchingTest, WhatCouldNotBeStoredIsMatchedAgain) {
  use(std::make_shared<Scripted>(1));
  auto& a = add("1111");
  store.fail_commits(Error{ErrorCode::kResourceExhausted, "the disk is full"});
  use(std::make_shared<Scripted>(4));
  run();  // comes to rest all the same
  EXPECT_EQ(state(a).total, 1u);
  store.fail_commits(std::nullopt);
  clock.advance(Seconds(2));
  core->tick(clock.now());
  run();
  EXPECT_EQ(state(a).total, 4u);
}

TEST_F(MatchingTest, AfterAnUpdateEverybodyStandsWhereMatchingAllAnewWouldPutThem) {
  save_tag(R"({"name":"Vulnerable","rules":[{"id":1,"os":"linux","type":"vulnerable-devices","severity":"high"}]})");
  std::vector<std::pair<std::string, double>> sources{{"a", 9.8}, {"b", 7.5}, {"c", 5}, {"d", 3}, {"linux", 7.5}};
  auto in_force = read_feed(sources);
  use(in_force);
  const std::vector images{packages({"a", "b"}), packages({"b", "c"}), packages({"c", "d"}), packages({"d", "e"})};
  for (std::size_t i = 0; i < 12; ++i) add(images[i % images.size()], i < 6 ? "6.1.0-9-amd64" : "6.1.0-10-amd64");
  core->tick(clock.now());
  run();
  std::map<EndpointUid, std::string> rows;
  for (const auto& agent : agents_) rows[agent.uid()] = stored(agent);

  // Something else is said of "a" alone.
  clock.advance(Seconds(5));
  sources[0].second = 4;
  in_force = read_feed(sources, in_force);
  use(in_force);
  run();
  std::size_t i = 0;
  for (const auto& agent : agents_) {
    EXPECT_EQ(stored(agent) == rows[agent.uid()], i++ % images.size() != 0);
    EXPECT_EQ(state(agent).scanned_at, clock.now().wall);
  }
  // And of others, several times; some of it the same again.
  using Row = std::pair<std::string, double>;
  for (const auto& [source, score] : std::vector<Row>{{"b", 5}, {"c", 9}, {"e", 8}, {"b", 7.5}}) {
    const auto known = std::ranges::find(sources, source, &Row::first);
    known == sources.end() ? sources.emplace_back(source, score) : *known = {source, score};
    in_force = read_feed(sources, in_force);
    use(in_force);
    run();
    std::map<EndpointUid, VulnerabilityState> states;
    std::map<EndpointUid, posture::TagSets> tags;
    for (const auto& agent : agents_) {
      states[agent.uid()] = state(agent);
      tags[agent.uid()] = core->endpoint(agent.uid())->tags();
    }
    // One that knows nothing of those before.
    use(read_feed(sources));
    run();
    for (const auto& agent : agents_) {
      EXPECT_EQ(state(agent), states[agent.uid()]) << source;
      EXPECT_EQ(core->endpoint(agent.uid())->tags(), tags[agent.uid()]) << source;
    }
    use(in_force);
    run();
  }
}

}  // namespace
}  // namespace postern::ems::testing
