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
  set_interface(g, "02:00:00:00:00:01");
  connect(g);
  ASSERT_TRUE(authorise(g));
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
  set_interface(g, "02:00:00:00:00:01");
  connect(g);
  ASSERT_TRUE(authorise(g));
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

}  // namespace
}  // namespace postern::ems::testing
