// What becomes of the inventories that agents send: asked for, kept, matched.
#include "ems/core/test_lab.h"
#include "ems/tagging/matching.h"
#include "proto/deflate.h"
#include "wire/telemetry.pb.h"

namespace postern::ems::testing {
namespace {

using Frame = wire::TelemetryFrame;

class OneFinding final : public Matching {
 public:
  Result<MatchResult> match(std::string_view inventory, std::string_view) const override {
    MatchResult out;
    if (inventory.find("openssl 1.0") != inventory.npos) {
      out.counts.high = 1;
      out.total = 1;
      out.findings.push_back({"CVE-2099-1", "openssl", "openssl", "1.0", "1.1", "high", false});
    }
    return out;
  }
};

TEST_F(Lab, AnInventoryIsMatchedAndANewFeedRetagsWithoutTheAgent) {
  save_tag(R"({"name":"Vulnerable-Device","rules":[{"id":1,"os":"linux","type":"vulnerable-devices","severity":"high"}]})");
  TestAgent a;
  join(a);
  const std::string text = "openssl 1.0\n";
  const auto hash = sha256(text);
  Frame offer;
  offer.mutable_inventory_offer()->set_hash(std::string(as_text(hash)));
  send(a, offer);
  run();
  ASSERT_NE(a.last(Frame::kInventoryWanted), nullptr);
  Frame inventory;
  inventory.mutable_inventory()->set_hash(std::string(as_text(hash)));
  inventory.mutable_inventory()->set_zlib(proto::deflate_text(text));
  send(a, inventory);
  run();
  EXPECT_TRUE(a.tags().contains("Vulnerable-Device?"));  // no feed: nobody knows
  core->set_matching(clock.now(), std::make_shared<OneFinding>(), {Feed{"test", "osv", 1, "", clock.now().wall, ""}});
  run();
  EXPECT_TRUE(a.tags().contains("Vulnerable-Device"));
  ASSERT_TRUE(core->endpoint(a.uid())->vulnerabilities);
  EXPECT_EQ(core->endpoint(a.uid())->vulnerabilities->counts.high, 1u);
  const auto findings = core->findings(a.uid());
  ASSERT_TRUE(findings);
  EXPECT_EQ(findings->size(), 1u);
  // Kept over a restart, and another endpoint with the same packages need not send them.
  restart();
  EXPECT_EQ(core->endpoint(a.uid())->vulnerabilities->counts.high, 1u);
  core->set_matching(clock.now(), std::make_shared<OneFinding>(), {Feed{"test", "osv", 1, "", clock.now().wall, ""}});
  run();
  TestAgent b;
  join(b);
  send(b, offer);
  run();
  EXPECT_EQ(b.last(Frame::kInventoryWanted), nullptr);
  EXPECT_TRUE(b.tags().contains("Vulnerable-Device"));
}

/// Offers the inventory, and sends it when it is asked for.
class InventoryLab : public Lab {
 protected:
  void offer(TestAgent& agent, const std::string& text) {
    agent.inbox.clear();
    const auto hash = sha256(text);
    Frame frame;
    frame.mutable_inventory_offer()->set_hash(std::string(as_text(hash)));
    send(agent, frame);
    run();
    if (agent.last(Frame::kInventoryWanted) == nullptr) return;
    frame.mutable_inventory()->set_hash(std::string(as_text(hash)));
    frame.mutable_inventory()->set_zlib(proto::deflate_text(text));
    send(agent, frame);
    run();
  }
  void use_feed() {
    core->set_matching(clock.now(), std::make_shared<OneFinding>(), {Feed{"test", "osv", 1, "", clock.now().wall, ""}});
    run();
  }
  void scan(bool on) {
    auto profile = *core->profile(kDefaultProfile);
    profile.vulnerability_scan = on;
    core->save_profile(clock.now(), admin, profile, [](Status saved) { EXPECT_TRUE(saved); });
    run();
  }
};

TEST_F(InventoryLab, WhenTheInventoryCameIsKnownWhateverBecomesOfItsMatching) {
  TestAgent a;
  join(a);
  TestGateway g("PGW0000000000001", 5);
  ASSERT_TRUE(join(g));
  EXPECT_EQ(g.record(a.uid()).vuln_received_ms(), 0);
  // No feed: it came, and nobody has judged it.
  offer(a, "openssl 1.0\n");
  const auto came = to_unix_ms(clock.now().wall);
  EXPECT_EQ(g.record(a.uid()).vuln_received_ms(), came);
  EXPECT_FALSE(g.record(a.uid()).has_vulnerabilities());
  // Judged later: that is another time.
  clock.advance(std::chrono::minutes(10));
  use_feed();
  EXPECT_EQ(g.record(a.uid()).vulnerabilities().high(), 1u);
  EXPECT_EQ(g.record(a.uid()).vuln_scanned_ms(), to_unix_ms(clock.now().wall));
  EXPECT_EQ(g.record(a.uid()).vuln_received_ms(), came);
  // It outlives its match, and the EMS's process.
  scan(false);
  EXPECT_FALSE(g.record(a.uid()).has_vulnerabilities());
  EXPECT_EQ(g.record(a.uid()).vuln_received_ms(), came);
  restart();
  EXPECT_EQ(to_unix_ms(core->endpoint(a.uid())->inventory_received_at), came);
  connect(g);
  EXPECT_EQ(g.record(a.uid()).vuln_received_ms(), came);
  scan(true);
  use_feed();
  EXPECT_EQ(g.record(a.uid()).vulnerabilities().high(), 1u);
  EXPECT_EQ(g.record(a.uid()).vuln_received_ms(), came);
}

TEST_F(InventoryLab, WhatIsExploitedIsKnownOnlyWhileACatalogueOfItIsInForce) {
  save_tag(R"({"name":"NotExploited","rules":[{"id":1,"os":"linux","type":"known-exploited","negate":true}]})");
  TestAgent a;
  join(a);
  offer(a, "openssl 1.0\n");
  const auto said = [&] { return core->endpoint(a.uid())->tag(core->tag("NotExploited")->id); };
  const auto advisories = std::make_shared<OneFinding>();
  Feed osv{"test", "osv", 1, "", clock.now().wall, ""}, kev{"kev", "kev", 1, "", clock.now().wall, ""};
  osv.given = kev.given = true;
  const auto use = [&](std::vector<Feed> feeds) {
    core->set_matching(clock.now(), advisories, feeds);
    run();
  };
  use({osv});
  EXPECT_EQ(said(), posture::TagState::kUnknown);
  use({osv, kev});
  EXPECT_EQ(said(), posture::TagState::kHas);
  ASSERT_TRUE(core->endpoint(a.uid())->vulnerabilities);
  EXPECT_EQ(core->endpoint(a.uid())->vulnerabilities->exploited, 0u);
  auto gone = kev;
  gone.loaded_at = {};
  use({osv, gone});
  EXPECT_EQ(said(), posture::TagState::kUnknown);
  restart();
  EXPECT_EQ(said(), posture::TagState::kUnknown);
}

TEST_F(InventoryLab, TheSameInventoryAgainMovesItsTimeAndIsNoHistory) {
  TestAgent a;
  join(a);
  TestGateway g("PGW0000000000001", 5);
  ASSERT_TRUE(join(g));
  use_feed();
  offer(a, "openssl 1.0\n");
  const auto scanned = g.record(a.uid()).vuln_scanned_ms();
  const auto revision = core->revision();
  clock.advance(std::chrono::hours(1));
  offer(a, "openssl 1.0\n");
  EXPECT_EQ(a.last(Frame::kInventoryWanted), nullptr);
  EXPECT_EQ(g.record(a.uid()).vuln_received_ms(), to_unix_ms(clock.now().wall));
  EXPECT_EQ(g.record(a.uid()).vuln_scanned_ms(), scanned);  // nothing was to be judged anew
  EXPECT_EQ(core->revision(), revision);
  EXPECT_TRUE(g.client.synchronised());
  EXPECT_EQ(g.client.counters().mismatches, 0u);
  const auto again = to_unix_ms(clock.now().wall);
  restart();
  EXPECT_EQ(to_unix_ms(core->endpoint(a.uid())->inventory_received_at), again);
}

TEST_F(Lab, AnInventoryThatCouldNotBeStoredIsAskedForAgain) {
  TestAgent a;
  join(a);
  const std::string text = "inventory";
  const auto hash = sha256(text);
  const auto offer = [&] {
    Frame frame;
    frame.mutable_inventory_offer()->set_hash(std::string(as_text(hash)));
    send(a, frame);
    run();
  };
  offer();
  ASSERT_NE(a.last(Frame::kInventoryWanted), nullptr);
  store.fail_commits(Error{ErrorCode::kResourceExhausted, "the disk is full"});
  Frame frame;
  frame.mutable_inventory()->set_hash(std::string(as_text(hash)));
  frame.mutable_inventory()->set_zlib(proto::deflate_text(text));
  send(a, frame);
  run();
  EXPECT_TRUE(a.closed);  // it comes back and offers it again
  store.fail_commits(std::nullopt);
  connect(a, a.acked());
  a.inbox.clear();
  offer();
  EXPECT_NE(a.last(Frame::kInventoryWanted), nullptr);
}

/// Covers Debian only.
class CoversLittle final : public Matching {
 public:
  Result<MatchResult> match(std::string_view inventory, std::string_view) const override {
    MatchResult out;
    out.covered = inventory.find("debian") != inventory.npos;
    out.counts.low = out.total = 1;
    return out;
  }
};

TEST_F(InventoryLab, WhyNobodyKnowsOfVulnerabilitiesIsSaid) {
  save_tag(R"({"name":"Vulnerable","rules":[{"id":1,"os":"linux","type":"vulnerable-devices","severity":"high"}]})");
  save_tag(R"({"name":"Exploited","rules":[{"id":1,"os":"linux","type":"known-exploited"}]})");
  save_tag(R"({"name":"Likely","rules":[{"id":1,"os":"linux","type":"epss","probability":0.5}]})");
  save_tag(R"({"name":"Scored","rules":[{"id":1,"os":"linux","type":"cvss","score":7}]})");
  save_tag(R"({"name":"Fresh","rules":[{"id":1,"os":"linux","type":"vulnerable-devices","severity":"high","max_age":600}]})");
  save_tag(R"({"name":"Recent","rules":[{"id":1,"os":"linux","type":"vulnerable-devices","severity":"high","max_age":7200}]})");
  TestAgent a;
  join(a);
  report(a, {{std::string(keys::kOsName), std::string("Frobix")}, {std::string(keys::kOsVersionId), std::string("7")}});
  run();
  const auto told = [&](const char* tag) {
    const auto why = core->explain(clock.now(), a.uid(), tag);
    EXPECT_TRUE(why);
    EXPECT_EQ(why->state, posture::TagState::kUnknown) << tag;
    const auto& rule = why->rules.at(0);
    return rule.reason + ": " + rule.text;
  };
  EXPECT_EQ(told("Vulnerable"), "no_inventory: its agent has not told which packages it has");
  offer(a, "frobix openssl 1.0\n");
  EXPECT_EQ(told("Vulnerable"), "feeds_being_read: the EMS is still reading its feeds of vulnerabilities");
  core->set_matching(clock.now(), nullptr, {});
  run();
  EXPECT_EQ(told("Vulnerable"), "no_feed: no feed of vulnerabilities is in force");
  Feed broken{.name = "debian", .error = "status 404", .url = "https://example.org/x", .given = true};
  core->set_matching(clock.now(), nullptr, {broken});
  run();
  EXPECT_EQ(told("Vulnerable"), "no_feed: no feed of vulnerabilities is in force (the feed debian failed: status 404)");
  EXPECT_EQ(told("Exploited").substr(0, 8), "no_feed:");

  Feed osv{"test", "osv", 1, "", clock.now().wall, ""}, kev{"kev", "kev", 1, "", clock.now().wall, ""};
  osv.given = kev.given = true;
  const auto feeds = std::make_shared<CoversLittle>();
  core->set_matching(clock.now(), feeds, {kev});
  run();
  EXPECT_EQ(told("Vulnerable").substr(0, 8), "no_feed:");  // a catalogue names no packages
  core->set_matching(clock.now(), feeds, {osv});
  run();
  EXPECT_EQ(told("Vulnerable"), "no_feed_for_system: no feed of vulnerabilities that is in force covers this system (Frobix 7)");
  scan(false);
  EXPECT_EQ(told("Vulnerable"), "scan_off: vulnerability scan is off in its endpoint profile Default");
  scan(true);

  offer(a, "debian openssl 1.0\n");
  EXPECT_EQ(told("Exploited"), "no_kev: no catalogue of exploited vulnerabilities (KEV) is in force");
  EXPECT_EQ(told("Likely"), "no_epss: no feed of EPSS probabilities is in force");
  EXPECT_EQ(told("Scored"), "no_score: none of its open vulnerabilities has such a score");
  const auto came = to_iso8601(clock.now().wall);
  clock.advance(Seconds(601));
  EXPECT_EQ(told("Fresh"), "max_age_too_short: the packages were told on " + came +
                               ", and agents with the profile Default tell them every 3600 seconds: the rule takes nothing older "
                               "than 600 seconds, so in between nobody knows");
  clock.advance(Seconds(7200));
  EXPECT_EQ(told("Recent"), "inventory_too_old: the packages were last told on " + came + ", longer ago than the rule takes");
}

}  // namespace
}  // namespace postern::ems::testing
