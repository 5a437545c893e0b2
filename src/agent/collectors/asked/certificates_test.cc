#include "agent/collectors/asked/certificates.h"

#include <gtest/gtest.h>

#include "agent/collectors/asked/asked_lab.h"
#include "base/random.h"
#include "pki/authority.h"
#include "pki/certificate.h"

namespace postern::agent {
namespace {

class Certificates : public AskedLab {
 protected:
  Certificates() {
    const pki::Validity year{from_unix_ms(1'770'000'000'000), from_unix_ms(1'790'000'000'000)};
    root_identity_.emplace(pki::make_root("Example Root", "Example", year, random_));
    server_.emplace(pki::make_server(*root_identity_, "laptop.example", {"laptop.example"}, year, random_));
  }
  std::vector<posture::Certificate> in(const char* store) {
    const auto fact = ask(keys::with(keys::kCertificates, store));
    const auto* list = fact.as<std::vector<posture::Certificate>>();
    EXPECT_NE(list, nullptr) << fact.source;
    return list == nullptr ? std::vector<posture::Certificate>() : *list;
  }
  SeededRandom random_{7};
  std::optional<pki::Identity> root_identity_, server_;
};

TEST_F(Certificates, OfTheSystemAreDistinct) {
  EXPECT_EQ(said(keys::with(keys::kCertificates, "system")), "unknown: unsupported");
  const auto pem = pki::to_pem(root_identity_->certificate);
  put("etc/ssl/certs/ca-certificates.crt", pem + "garbage\n-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" + pem);
  put("etc/ssl/certs/Example.pem", pem);
  put("etc/ssl/certs/Other.pem", pki::to_pem(server_->certificate));
  const auto list = in("system");
  ASSERT_EQ(list.size(), 2u);
  EXPECT_EQ(list[0].subject, "Example Root");
  EXPECT_TRUE(list[0].ca);
  EXPECT_FALSE(list[0].has_private_key);
  EXPECT_EQ(list[0].store, "system");
  EXPECT_EQ(list[1].subject, "laptop.example");
  EXPECT_EQ(list[1].issuer, "Example Root");
  EXPECT_FALSE(list[1].client_auth);
}

TEST_F(Certificates, AListThatLacksWhatCouldNotBeReadIsNone) {
  put("etc/ssl/certs/Example.pem", pki::to_pem(root_identity_->certificate));
  put("etc/ssl/certs/large.pem", std::string((16u << 20) + 1, 'x'));
  EXPECT_TRUE(said(keys::with(keys::kCertificates, "system")).starts_with("unknown: "));
}

TEST_F(Certificates, ArePossessedByTheirKeyAlone) {
  EXPECT_TRUE(in("personal").empty());
  const auto certificate = pki::to_pem(server_->certificate);
  put("etc/postern/certificates/a.pem", certificate + server_->key.to_pem());
  put("etc/postern/certificates/b.crt", certificate + pki::to_pem(root_identity_->certificate));
  put("etc/postern/certificates/b.key", server_->key.to_pem());
  put("etc/postern/certificates/c.pem", certificate);
  put("etc/postern/certificates/c.key", root_identity_->key.to_pem());  // of another
  put("etc/postern/certificates/d.pem", "nothing");
  put("etc/postern/certificates/e.pem", certificate);
  put("etc/postern/certificates/e.key", "nothing");
  const auto list = in("personal");
  ASSERT_EQ(list.size(), 4u);
  EXPECT_TRUE(list[0].has_private_key);
  EXPECT_TRUE(list[1].has_private_key);
  EXPECT_FALSE(list[2].has_private_key);
  EXPECT_FALSE(list[3].has_private_key);
  EXPECT_EQ(list[0].store, "machine");
  EXPECT_EQ(to_unix_ms(list[0].not_after), 1'790'000'000'000);
}

TEST_F(Certificates, OfAStoreThatIsNotKnownAreUnknown) {
  EXPECT_EQ(said(keys::with(keys::kCertificates, "elsewhere")), "unknown: unsupported");
}

TEST(PemCertificates, BrokenOnesAreLeftOut) {
  EXPECT_TRUE(pem_certificates("-----BEGIN CERTIFICATE-----\nAAAA").empty());
  EXPECT_TRUE(pem_certificates("-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n").empty());
  EXPECT_EQ(pem_certificates("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----").size(), 1u);
  EXPECT_FALSE(describe_certificate(Bytes{1, 2, 3}, "x"));
  EXPECT_FALSE(possesses(Bytes{1, 2, 3}, pki::PrivateKey::generate()));
}

}  // namespace
}  // namespace postern::agent
