#include "ems/bootstrap/identity.h"
#include "ems/core/test_lab.h"
#include "pki/certificate.h"
#include "wire/fabric.pb.h"
#include "wire/telemetry.pb.h"

namespace postern::ems::testing {
namespace {

class TelemetryCertificate : public Lab {
 protected:
  void tick() {
    core->tick(clock.now());
    run();
  }
  /// What a listener that begins now shows.
  pki::CertificateInfo leaf() { return *pki::parse_certificate(core->identity()->telemetry.certificate); }
  std::size_t renewals() const { return telemetry_certificates_in_use.size(); }
};

TEST_F(TelemetryCertificate, IsRenewedBeforeItExpiresByTheSameRoot) {
  const auto before = leaf();
  tick();
  clock.advance(669 * kDay);
  tick();
  EXPECT_EQ(renewals(), 0u);
  EXPECT_EQ(leaf().sha256, before.sha256);

  clock.advance(2 * kDay);
  tick();
  ASSERT_EQ(renewals(), 1u);
  const auto after = leaf();
  EXPECT_NE(after.sha256, before.sha256);
  EXPECT_EQ(after.subject_cn, before.subject_cn);
  EXPECT_EQ(after.ip_addresses, before.ip_addresses);
  EXPECT_GT(after.not_after, clock.now().wall + 700 * kDay);
  const auto chain = *pki::certificates_from_pem(telemetry_certificates_in_use[0]);
  ASSERT_EQ(chain.size(), 2u);
  EXPECT_EQ(chain[0], after.der);
  // What agents check: the root that their invitation names, and the chain under it.
  EXPECT_EQ(pki::parse_certificate(chain[1])->public_key_sha256, core->status().root_key_sha256);
  EXPECT_TRUE(pki::verify_chain(chain[0], {}, std::vector<Bytes>{chain[1]}, pki::Purpose::kServer, clock.now().wall));
  EXPECT_EQ(core->audit(0, 1)->front().action, "telemetry_certificate.renew");
  clock.advance(std::chrono::hours(1));
  tick();
  EXPECT_EQ(renewals(), 1u);  // once
  restart();
  EXPECT_EQ(leaf().sha256, after.sha256);
  tick();
  EXPECT_EQ(renewals(), 1u);
}

TEST_F(TelemetryCertificate, NobodyIsDisconnectedByIt) {
  TestAgent agent;
  join(agent);
  TestGateway gateway("PGW0000000000001", 5);
  connect(gateway);
  ASSERT_TRUE(authorise(gateway));
  // Only the wall clock moves: nothing else is due.
  clock.set_wall(clock.now().wall + 671 * kDay);
  const auto session = agent.session;
  agent.inbox.clear();
  gateway.inbox.clear();
  tick();
  ASSERT_EQ(renewals(), 1u);
  EXPECT_TRUE(web_certificates_in_use.empty());
  EXPECT_EQ(agent.session, session);
  EXPECT_FALSE(agent.closed);
  for (const auto& frame : agent.inbox) EXPECT_FALSE(frame.has_goodbye());
  for (const auto& frame : gateway.inbox) EXPECT_FALSE(frame.has_goodbye());
}

TEST_F(TelemetryCertificate, OneThatIsNotValidYetIsRenewedAtOnce) {
  clock.advance(700 * kDay);  // the clock is ahead
  tick();
  ASSERT_EQ(renewals(), 1u);
  const auto before = leaf();
  clock.set_wall(clock.now().wall - 10 * kDay);
  tick();
  ASSERT_EQ(renewals(), 2u);
  EXPECT_LE(leaf().not_before, clock.now().wall);
  const auto said = core->audit(0, 1)->front();
  EXPECT_TRUE(said.detail.starts_with("it would not have been valid before " + to_iso8601(before.not_before)))
      << said.detail;
}

TEST_F(TelemetryCertificate, AClockFromBeforeTheEmsItselfRenewsNothing) {
  const auto before = leaf();
  clock.set_wall(WallTime{});
  tick();
  restart();
  tick();
  EXPECT_EQ(renewals(), 0u);
  EXPECT_EQ(leaf().sha256, before.sha256);
}

TEST_F(TelemetryCertificate, ANameThatIsMissingIsAddedAtTheStart) {
  server_names = {"127.0.0.1", "EMS.example", "0:0:0:0:0:0:0:1"};
  restart();
  tick();
  ASSERT_EQ(renewals(), 1u);
  EXPECT_EQ(leaf().ip_addresses, (std::vector<std::string>{"127.0.0.1", "::1"}));
  EXPECT_EQ(core->audit(0, 1)->front().detail.substr(0, 28), "it was not for \"EMS.example\"");
  tick();
  restart();
  tick();
  EXPECT_EQ(renewals(), 1u);  // other spellings of the same name are no reason
}

TEST_F(TelemetryCertificate, WhatCanNotBeStoredIsNotUsedAndTriedAgain) {
  const auto before = leaf();
  clock.set_wall(clock.now().wall + 700 * kDay);
  store.fail_commits(Error{ErrorCode::kResourceExhausted, "the disk is full"});
  tick();
  EXPECT_EQ(renewals(), 0u);
  EXPECT_EQ(leaf().sha256, before.sha256);
  store.fail_commits(std::nullopt);
  for (int i = 0; i < 5; ++i) {
    clock.advance(std::chrono::seconds(2));
    tick();
  }
  EXPECT_EQ(renewals(), 1u);
  const auto after = leaf();
  EXPECT_NE(after.sha256, before.sha256);
  restart();
  EXPECT_EQ(leaf().sha256, after.sha256);
}

}  // namespace
}  // namespace postern::ems::testing
