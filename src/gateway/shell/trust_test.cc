#include "gateway/shell/trust.h"

#include <gtest/gtest.h>

#include <chrono>

#include "base/clock.h"
#include "gateway/config/store.h"
#include "gateway/config/text.h"
#include "gateway/shell/pem.h"
#include "pki/authority.h"
#include "pki/certificate.h"

namespace postern::gateway {
namespace {

struct TrustTest : testing::Test {
  SystemRandom random;
  pki::Validity day{SystemClock().now().wall - std::chrono::hours(1), SystemClock().now().wall + std::chrono::hours(24)};
  pki::Identity root = pki::make_root("root", "o", day, random);
  pki::Identity other_root = pki::make_root("root", "o", day, random);
  pki::Identity ems = pki::make_server(root, "ems", {"ems"}, day, random);
  pki::Identity renewed = pki::make_server(root, "ems", {"ems"}, day, random);
  pki::Identity foreign = pki::make_server(other_root, "ems", {"ems"}, day, random);
  std::vector<Bytes> chain(const pki::Identity& leaf, const pki::Identity& issuer) const {
    return {leaf.certificate, issuer.certificate};
  }
};

TEST_F(TrustTest, ACertificateGivenIsThatOneAlone) {
  AcceptedCertificate accepted;
  accepted.trusted = ems.certificate;
  EXPECT_EQ(judge_certificate(accepted, chain(ems, root)), Trust::kSame);
  EXPECT_EQ(judge_certificate(accepted, {ems.certificate}), Trust::kSame);
  EXPECT_EQ(judge_certificate(accepted, chain(renewed, root)), Trust::kChanged);
  EXPECT_EQ(judge_certificate(accepted, chain(foreign, other_root)), Trust::kChanged);
  EXPECT_EQ(judge_certificate(accepted, {}), Trust::kChanged);
}

TEST_F(TrustTest, AnIssuerGivenVouchesByItsKeyAndNotByItsName) {
  AcceptedCertificate accepted;
  accepted.trusted = root.certificate;
  EXPECT_EQ(judge_certificate(accepted, chain(ems, root)), Trust::kRenewed);
  EXPECT_EQ(judge_certificate(accepted, {renewed.certificate}), Trust::kRenewed) << "the issuer need not be sent";
  EXPECT_EQ(judge_certificate(accepted, chain(foreign, other_root)), Trust::kChanged);
  EXPECT_EQ(judge_certificate(accepted, {foreign.certificate, root.certificate}), Trust::kChanged);
}

TEST_F(TrustTest, WhatAnAdministratorAcceptedCountsBesideIt) {
  AcceptedCertificate accepted;
  accepted.fingerprint = sha256(foreign.certificate);
  accepted.trusted = ems.certificate;
  EXPECT_EQ(judge_certificate(accepted, chain(foreign, other_root)), Trust::kSame);
  EXPECT_EQ(judge_certificate(accepted, chain(ems, root)), Trust::kSame);
  EXPECT_EQ(judge_certificate(accepted, chain(renewed, root)), Trust::kChanged);
  EXPECT_EQ(judge_certificate({}, chain(ems, root)), Trust::kNothingAccepted);
}

TEST_F(TrustTest, CertificatesAndKeysOfAConfigurationMustBelongTogether) {
  const auto judged = [](const std::string& text) {
    auto store = config::ConfigStore::in_memory(config::gateway_schema());
    auto t = store->begin();
    EXPECT_TRUE(config::apply_text(t, text));
    const auto status = check_certificates(*store->current(), t.tree());
    return status ? std::string("sound") : status.error().message;
  };
  const auto local = [&](const std::string& certificate, const std::string& key) {
    return judged("config certificate local\nedit a\nset certificate \"" + certificate + "\"\nset private-key \"" + key +
                  "\"\nnext\nend\n");
  };
  const auto pem = pki::to_pem(ems.certificate);
  EXPECT_EQ(local(pem, ems.key.to_pem()), "sound");
  EXPECT_EQ(local(pem, "/etc/key.pem"), "sound");
  EXPECT_EQ(local("/etc/cert.pem", ems.key.to_pem()), "sound");
  EXPECT_NE(local(pem, renewed.key.to_pem()).find("certificate local a: private-key: "), std::string::npos);
  EXPECT_NE(local(pem, pem).find("certificate local a: private-key: "), std::string::npos);
  const std::string broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----";
  EXPECT_NE(local(broken, "/etc/key.pem").find("certificate local a: certificate: "), std::string::npos);
  const auto remote = [&](const std::string& text) {
    return judged("config certificate remote\nedit a\nset remote \"" + text + "\"\nnext\nend\n");
  };
  EXPECT_EQ(remote(pem), "sound");
  EXPECT_EQ(remote("/nonexistent/ems.pem"), "sound") << "it may come later";
  EXPECT_NE(remote("/etc/passwd").find("certificate remote a: remote: "), std::string::npos);
  EXPECT_NE(local("/etc/passwd", "/etc/passwd").find("certificate local a: certificate: "), std::string::npos);
  EXPECT_NE(remote(broken).find("certificate remote a: remote: "), std::string::npos);
}

}  // namespace
}  // namespace postern::gateway
