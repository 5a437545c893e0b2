#include <gtest/gtest.h>

#include "pki/authority.h"
#include "pki/certificate.h"
#include "pki/key.h"

namespace postern::pki {
namespace {

const WallTime kNow = from_unix_ms(1'780'000'000'000);
const Validity kYear{kNow - std::chrono::hours(1), kNow + std::chrono::hours(24 * 365)};
const EndpointUid kUid("9A016B5A6E914B42AD4168C066EB04CA");
const EmsSerial kEms("PSTEMS0123456789");

class PkiTest : public testing::Test {
 protected:
  SeededRandom random_{7};
  Identity root_ = make_root("EMS root", "Postern", kYear, random_);
  Identity ztna_ = make_intermediate(root_, "ZTNA CA", "Postern", kYear, random_);
  std::vector<Bytes> roots_{root_.certificate};
  std::vector<Bytes> between_{ztna_.certificate};
  PrivateKey agent_key_ = PrivateKey::generate();
  Bytes client_ = *issue_client(ztna_, make_request(agent_key_), kUid, kEms, kYear, random_);
};

TEST_F(PkiTest, AClientCertificateSaysWhoAndChains) {
  const auto info = *parse_certificate(client_);
  EXPECT_EQ(info.subject_cn, kUid.str());
  EXPECT_EQ(info.subject_o, kEms.str());
  EXPECT_TRUE(info.client_auth);
  EXPECT_FALSE(info.server_auth);
  EXPECT_FALSE(info.is_ca);
  EXPECT_FALSE(info.self_signed);
  EXPECT_EQ(info.serial.str().size(), 40u);
  EXPECT_EQ(info.public_key_sha256, agent_key_.public_key_sha256());
  EXPECT_TRUE(verify_chain(client_, between_, roots_, Purpose::kClient, kNow));
  EXPECT_TRUE(check_key(client_, agent_key_));
  EXPECT_FALSE(check_key(client_, PrivateKey::generate()));
}

TEST_F(PkiTest, RefusesWrongPurposeTimeRootAndMissingLink) {
  EXPECT_FALSE(verify_chain(client_, between_, roots_, Purpose::kServer, kNow));
  EXPECT_FALSE(verify_chain(client_, {}, roots_, Purpose::kClient, kNow));
  EXPECT_FALSE(verify_chain(client_, between_, {}, Purpose::kClient, kNow));
  EXPECT_FALSE(verify_chain(client_, between_, roots_, Purpose::kClient, kYear.not_after + Seconds(1)));
  EXPECT_FALSE(verify_chain(client_, between_, roots_, Purpose::kClient, kYear.not_before - Seconds(1)));
  const auto foreign_root = make_root("EMS root", "Postern", kYear, random_);  // the same names, another key
  const std::vector<Bytes> foreign{foreign_root.certificate};
  EXPECT_FALSE(verify_chain(client_, between_, foreign, Purpose::kClient, kNow));
  auto altered = client_;
  altered.back() ^= 1;
  EXPECT_FALSE(verify_chain(altered, between_, roots_, Purpose::kClient, kNow));
}

TEST_F(PkiTest, AServerCertificateNamesItsAddresses) {
  const auto server = make_server(root_, "ems", {"ems.example", "10.0.2.10", "2001:db8::1", "bad,DNS:evil"}, kYear, random_);
  const auto info = *parse_certificate(server.certificate);
  EXPECT_EQ(info.dns_names, std::vector<std::string>{"ems.example"});
  EXPECT_EQ(info.ip_addresses, (std::vector<std::string>{"10.0.2.10", "2001:db8::1"}));
  EXPECT_TRUE(verify_chain(server.certificate, {}, roots_, Purpose::kServer, kNow));
  EXPECT_FALSE(verify_chain(server.certificate, {}, roots_, Purpose::kClient, kNow));
  EXPECT_TRUE(signed_by(server.certificate, root_.certificate));
  EXPECT_FALSE(signed_by(server.certificate, ztna_.certificate));
}

TEST_F(PkiTest, AnIntermediateMayNotMakeAuthorities) {
  const auto deeper = make_intermediate(ztna_, "deeper", "x", kYear, random_);
  const auto leaf = *issue_client(deeper, make_request(agent_key_), kUid, kEms, kYear, random_);
  const std::vector<Bytes> between{ztna_.certificate, deeper.certificate};
  EXPECT_FALSE(verify_chain(leaf, between, roots_, Purpose::kClient, kNow));
}

TEST_F(PkiTest, ADeviceCertificateIsSelfSigned) {
  const auto device = make_device(PrivateKey::generate(), GatewaySerial("PGW0123456789ABC"), kYear, random_);
  const auto info = *parse_certificate(device.certificate);
  EXPECT_TRUE(info.self_signed);
  EXPECT_EQ(info.subject_cn, "PGW0123456789ABC");
  EXPECT_EQ(info.public_key_sha256, device.key.public_key_sha256());
}

TEST_F(PkiTest, RequestsAreCheckedAndBounded) {
  auto request = make_request(agent_key_);
  EXPECT_EQ(*request_public_key(request), agent_key_.public_key_sha256());
  request.back() ^= 1;
  EXPECT_EQ(request_public_key(request).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(request_public_key(Bytes(kMaxRequestBytes + 1)).error().code, ErrorCode::kResourceExhausted);
  EXPECT_FALSE(request_public_key({}));
  auto trailing = make_request(agent_key_);
  trailing.push_back(0);
  EXPECT_FALSE(request_public_key(trailing));
}

TEST_F(PkiTest, PemRoundTripsAndRefusesRubbish) {
  const auto pem = to_pem(client_) + to_pem(ztna_.certificate);
  const auto back = *certificates_from_pem(pem);
  ASSERT_EQ(back.size(), 2u);
  EXPECT_EQ(back[0], client_);
  EXPECT_FALSE(certificates_from_pem(""));
  EXPECT_FALSE(certificates_from_pem(pem + "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"));
  const auto key = PrivateKey::from_pem(agent_key_.to_pem());
  ASSERT_TRUE(key);
  EXPECT_EQ(key->public_key_sha256(), agent_key_.public_key_sha256());
  EXPECT_FALSE(PrivateKey::from_pem("nothing"));
  EXPECT_FALSE(parse_certificate(Bytes{1, 2, 3}));
}

}  // namespace
}  // namespace postern::pki
