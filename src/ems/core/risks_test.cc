// Accepted risks: what they take out of the counts, and that they end by themselves.
#include "ems/core/test_lab.h"
#include "ems/tagging/open_findings.h"
#include "proto/deflate.h"
#include "wire/telemetry.pb.h"

namespace postern::ems::testing {
namespace {

using Frame = wire::TelemetryFrame;

class HighFinding final : public Matching {
 public:
  Result<MatchResult> match(std::string_view inventory, std::string_view) const override {
    MatchResult out;
    if (inventory.find("openssl") == inventory.npos) return out;
    const std::string version = inventory.find("openssl 1.0") != inventory.npos ? "1.0" : "1.1";
    out.counts.high = 1;
    out.findings.push_back({"CVE-2099-1", "openssl", "openssl", version, "2.0", "high", false});
    summarise(out);
    return out;
  }
};

class RisksTest : public Lab {
 protected:
  RisksTest() {
    save_tag(R"({"name":"Vulnerable-Device","rules":[{"id":1,"os":"linux","type":"vulnerable-devices","severity":"high"}]})");
    core->set_matching(clock.now(), std::make_shared<HighFinding>(), {});
  }
  void has(TestAgent& agent, const std::string& text) {
    const auto hash = sha256(text);
    const auto asked = [&] {
      return std::ranges::count_if(agent.inbox, [](const Frame& f) { return f.kind_case() == Frame::kInventoryWanted; });
    };
    const auto before = asked();
    Frame offer, inventory;
    offer.mutable_inventory_offer()->set_hash(std::string(as_text(hash)));
    send(agent, offer);
    run();
    if (asked() == before) return;  // it came from another one already
    inventory.mutable_inventory()->set_hash(std::string(as_text(hash)));
    inventory.mutable_inventory()->set_zlib(proto::deflate_text(text));
    send(agent, inventory);
    run();
  }
  Result<std::string> accept(Risk risk) {
    Result<std::string> out = fail(ErrorCode::kInternal, "not called");
    core->accept_risk(clock.now(), admin, std::move(risk), [&](Result<std::string> id) { out = std::move(id); });
    run();
    return out;
  }
  Risk risk(std::string cve = "CVE-2099-1") {
    Risk out;
    out.cve = std::move(cve);
    out.reason = "behind a proxy";
    out.expires_at = clock.now().wall + kDay;
    return out;
  }
  bool vulnerable(TestAgent& agent) {
    run();
    return agent.tags().contains("Vulnerable-Device");
  }
  std::uint32_t high(TestAgent& agent) { return core->endpoint(agent.uid())->vulnerabilities->counts.high; }
  void tick() {
    core->tick(clock.now());
    run();
  }
};

TEST_F(RisksTest, WhileInForceTheFindingIsShownAndNotCountedThenItCountsAgain) {
  TestAgent a;
  join(a);
  has(a, "openssl 1.0\n");
  ASSERT_TRUE(vulnerable(a));
  const auto id = accept(risk());
  ASSERT_TRUE(id) << id.error().message;
  EXPECT_FALSE(vulnerable(a));
  EXPECT_EQ(high(a), 0u);
  auto findings = core->findings(a.uid());
  ASSERT_TRUE(findings);
  ASSERT_EQ(findings->size(), 1u);
  ASSERT_TRUE((*findings)[0].accepted);
  EXPECT_EQ((*findings)[0].accepted->accepted_by, "admin");
  EXPECT_EQ((*findings)[0].accepted->reason, "behind a proxy");
  // Kept over a restart.
  restart();
  core->set_matching(clock.now(), std::make_shared<HighFinding>(), {});
  run();
  EXPECT_EQ(high(a), 0u);
  clock.advance(kDay - Seconds(1));
  tick();
  EXPECT_EQ(high(a), 0u);
  EXPECT_FALSE(core->risk(*id)->expired);
  clock.advance(Seconds(1));
  tick();
  EXPECT_EQ(high(a), 1u);
  EXPECT_TRUE(core->risk(*id)->expired);
  findings = core->findings(a.uid());
  ASSERT_TRUE(findings);
  EXPECT_FALSE((*findings)[0].accepted);
  clock.advance(90 * kDay);
  tick();
  EXPECT_EQ(core->risk(*id), nullptr);  // long enough to be looked at
  const auto log = core->audit(0, 20);
  ASSERT_TRUE(log);
  EXPECT_TRUE(std::ranges::any_of(*log, [](const AuditEntry& e) { return e.action == "risk.expire" && e.actor == "ems"; }));
}

TEST_F(RisksTest, TakenBackItCountsAgainAtOnce) {
  TestAgent a;
  join(a);
  has(a, "openssl 1.0\n");
  const auto id = accept(risk());
  ASSERT_FALSE(vulnerable(a));
  Status done;
  core->remove_risk(clock.now(), admin, *id, [&](Status s) { done = s; });
  run();
  EXPECT_TRUE(done);
  EXPECT_TRUE(vulnerable(a));
  core->remove_risk(clock.now(), admin, *id, [&](Status s) { done = s; });
  run();
  EXPECT_EQ(done.error().code, ErrorCode::kNotFound);
}

TEST_F(RisksTest, HoldsForOneEndpointOnlyOrOneVersionOnly) {
  TestAgent a, b;
  join(a);
  join(b);
  has(a, "openssl 1.0\n");
  has(b, "openssl 1.0\n");
  auto one = risk();
  one.endpoint = a.uid().str();
  const auto id = accept(one);
  ASSERT_TRUE(id) << id.error().message;
  EXPECT_FALSE(vulnerable(a));
  EXPECT_TRUE(vulnerable(b));
  core->remove_risk(clock.now(), admin, *id, nullptr);
  auto version = risk();
  version.version = "1.0";
  ASSERT_TRUE(accept(version));
  EXPECT_EQ(high(a), 0u);
  EXPECT_EQ(high(b), 0u);
  EXPECT_FALSE(vulnerable(a));
  EXPECT_FALSE(vulnerable(b));
  has(a, "openssl 1.1\n");  // another version that has it too
  EXPECT_TRUE(vulnerable(a));
  EXPECT_FALSE(vulnerable(b));
}

TEST_F(RisksTest, IsForAYearAtMostAndSaysWhy) {
  const auto refused = [&](Risk bad) {
    const auto id = accept(std::move(bad));
    EXPECT_FALSE(id);
    return id ? std::string() : id.error().message;
  };
  auto bad = risk();
  bad.reason = "";
  EXPECT_TRUE(refused(bad).starts_with("reason"));
  bad = risk();
  bad.expires_at = clock.now().wall;
  EXPECT_TRUE(refused(bad).starts_with("expires_at"));
  bad.expires_at = clock.now().wall + 367 * kDay;
  EXPECT_TRUE(refused(bad).starts_with("expires_at"));
  EXPECT_TRUE(refused(risk("")).starts_with("cve"));
  EXPECT_TRUE(refused(risk("CVE 1")).starts_with("cve"));
  for (const char* id : {"cve-2099-1", "CVE-2099", "CVE-2099-", "*", "CVE-20x9-1"}) EXPECT_TRUE(refused(risk(id)).starts_with("cve")) << id;
  bad = risk();
  bad.endpoint = "nobody";
  EXPECT_TRUE(refused(bad).starts_with("scope"));
  bad = risk();
  bad.source = "a b";
  EXPECT_TRUE(refused(bad).starts_with("source"));
  EXPECT_TRUE(core->risks().empty());
}

}  // namespace
}  // namespace postern::ems::testing
