#include "ems/core/test_lab.h"
#include "pki/certificate.h"
#include "wire/fabric.pb.h"

namespace postern::ems::testing {
namespace {

class WebCertificate : public Lab {
 protected:
  void tick() {
    core->tick(clock.now());
    run();
  }
  pki::CertificateInfo leaf() {
    return *pki::parse_certificate(pki::certificates_from_pem(core->selected_server_certificate()->chain_pem)->front());
  }
  void upload(const std::string& name) {
    const pki::Validity years{clock.now().wall, clock.now().wall + 10 * 365 * kDay};
    const auto own = pki::make_server(pki::make_root("Own", "Own", years, random), "ems", {"ems"}, years, random);
    ServerCertificate c;
    c.name = name;
    c.chain_pem = pki::to_pem(own.certificate);
    c.key_pem = own.key.to_pem();
    core->add_server_certificate(clock.now(), admin, c, nullptr);
    core->select_server_certificate(clock.now(), admin, name, nullptr);
    run();
    web_certificates_in_use.clear();
  }
};

TEST_F(WebCertificate, TheBuiltInOneIsRenewedBeforeItExpires) {
  const auto before = leaf();
  TestGateway gateway("PGW0000000000001", 5);
  connect(gateway);
  ASSERT_TRUE(authorise(gateway));
  tick();
  clock.advance(690 * kDay);
  tick();
  EXPECT_TRUE(web_certificates_in_use.empty());  // not yet
  EXPECT_EQ(leaf().sha256, before.sha256);
  const auto status = core->status().web_certificate;
  EXPECT_EQ(status.sha256, before.sha256);
  EXPECT_EQ(status.not_after, before.not_after);
  ASSERT_TRUE(status.renews_at);
  EXPECT_EQ(*status.renews_at, before.not_after - 30 * kDay);

  connect(gateway);  // finds out that the connection is as old as that
  connect(gateway);
  ASSERT_TRUE(gateway.client.connected());
  gateway.inbox.clear();
  alerts.clear();
  clock.advance(11 * kDay);
  tick();
  ASSERT_EQ(web_certificates_in_use.size(), 1u);
  EXPECT_EQ(web_certificates_in_use[0], core->selected_server_certificate()->chain_pem);
  const auto after = leaf();
  EXPECT_NE(after.sha256, before.sha256);
  EXPECT_GT(after.not_after, clock.now().wall + 700 * kDay);
  EXPECT_EQ(after.ip_addresses, before.ip_addresses);
  const auto chain = *pki::certificates_from_pem(core->selected_server_certificate()->chain_pem);
  EXPECT_TRUE(pki::signed_by(chain[0], chain[1]));
  EXPECT_EQ(pki::to_pem(chain[1]), core->status().ems_root_pem);  // the same issuer's key: trust-ca-cn is enough
  // It is said, in the log and in the status, and gateways come again to see it.
  EXPECT_EQ(alerts, std::vector<std::string>{"ems.web_certificate_renewed"});
  EXPECT_EQ(core->status().web_certificate.sha256, after.sha256);
  EXPECT_EQ(core->audit(0, 1)->front().action, "server_certificate.renew");
  bool told = false;
  for (const auto& frame : gateway.inbox)
    told |= frame.has_goodbye() && frame.goodbye().reason() == "certificate_changed";
  EXPECT_TRUE(told);
  clock.advance(std::chrono::hours(1));
  tick();
  EXPECT_EQ(web_certificates_in_use.size(), 1u);  // once
  restart();
  EXPECT_EQ(leaf().sha256, after.sha256);
}

TEST_F(WebCertificate, OneThatExpiredWhileTheEmsWasAwayIsRenewedAtOnce) {
  clock.advance(3 * 365 * kDay);
  restart();
  tick();
  EXPECT_EQ(web_certificates_in_use.size(), 1u);
  EXPECT_GT(leaf().not_after, clock.now().wall);
}

TEST_F(WebCertificate, OneThatIsNotValidYetIsRenewedAtOnce) {
  // Made while the clock was ten days ahead.
  clock.advance(720 * kDay);
  tick();
  ASSERT_EQ(web_certificates_in_use.size(), 1u);
  const auto before = leaf();
  alerts.clear();
  clock.set_wall(clock.now().wall - 10 * kDay);
  restart();
  tick();
  ASSERT_EQ(web_certificates_in_use.size(), 2u);
  EXPECT_NE(leaf().sha256, before.sha256);
  EXPECT_LE(leaf().not_before, clock.now().wall);
  EXPECT_EQ(alerts, std::vector<std::string>{"ems.web_certificate_renewed"});
  const auto said = core->audit(0, 1)->front();
  EXPECT_EQ(said.action, "server_certificate.renew");
  EXPECT_TRUE(said.detail.starts_with("it would not have been valid before " + to_iso8601(before.not_before)))
      << said.detail;
  clock.advance(std::chrono::hours(1));
  tick();
  EXPECT_EQ(web_certificates_in_use.size(), 2u);  // once
}

TEST_F(WebCertificate, AClockFromBeforeTheEmsItselfRenewsNothing) {
  const auto before = leaf();
  clock.set_wall(WallTime{});
  restart();
  tick();
  EXPECT_EQ(web_certificates_in_use.size(), 0u);
  EXPECT_EQ(leaf().sha256, before.sha256);
}

TEST_F(WebCertificate, AnUploadedOneIsNobodysToRenewAndTheBuiltInOneFollowsUnseen) {
  const auto built_in = leaf();
  upload("Own");
  EXPECT_FALSE(core->status().web_certificate.renews_at);
  EXPECT_EQ(core->status().web_certificate.name, "Own");
  const auto own = leaf();
  clock.advance(720 * kDay);
  alerts.clear();
  tick();
  EXPECT_TRUE(web_certificates_in_use.empty());
  EXPECT_TRUE(alerts.empty());
  EXPECT_EQ(leaf().sha256, own.sha256);
  core->select_server_certificate(clock.now(), admin, "Built-in", nullptr);
  run();
  EXPECT_NE(leaf().sha256, built_in.sha256);
  EXPECT_GT(leaf().not_after, built_in.not_after);
  EXPECT_EQ(core->status().web_certificate.sha256, leaf().sha256);
}

TEST_F(WebCertificate, WhatCannotBeStoredIsNotUsedAndTriedAgain) {
  const auto before = leaf();
  clock.advance(715 * kDay);
  store.fail_commits(Error{ErrorCode::kResourceExhausted, "the disk is full"});
  tick();
  EXPECT_TRUE(web_certificates_in_use.empty());
  EXPECT_EQ(leaf().sha256, before.sha256);
  EXPECT_EQ(core->status().web_certificate.sha256, before.sha256);
  store.fail_commits(std::nullopt);
  for (int i = 0; i < 5; ++i) {
    clock.advance(std::chrono::seconds(61));
    tick();
  }
  EXPECT_EQ(web_certificates_in_use.size(), 1u);
  EXPECT_NE(leaf().sha256, before.sha256);
}

}  // namespace
}  // namespace postern::ems::testing
