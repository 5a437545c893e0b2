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

TEST_F(Certificates, AreTrustedByTheSystemsAuthorities) {
  const auto trust = [&] {
    std::vector<posture::ChainTrust> out;
    for (const auto& one : in("personal")) out.push_back(one.trust);
    return out;
  };
  using enum posture::ChainTrust;
  const pki::Validity year{from_unix_ms(1'770'000'000'000), from_unix_ms(1'790'000'000'000)};
  const auto issuing = pki::make_intermediate(*root_identity_, "Issuing CA", "Example", year, random_);
  const auto with_chain = pki::make_server(issuing, "laptop.example", {"laptop.example"}, year, random_);
  const auto false_root = pki::make_root("Example Root", "Example", year, random_);  // the same name, another key
  const auto false_one = pki::make_server(false_root, "laptop.example", {"laptop.example"}, year, random_);
  put("etc/postern/certificates/a.pem", pki::to_pem(server_->certificate));
  put("etc/postern/certificates/b.pem", pki::to_pem(with_chain.certificate) + pki::to_pem(issuing.certificate));
  put("etc/postern/certificates/c.pem", pki::to_pem(with_chain.certificate));
  put("etc/postern/certificates/d.pem", pki::to_pem(false_one.certificate) + pki::to_pem(false_root.certificate));
  EXPECT_EQ(trust(), std::vector(4, kUnknown));  // there is no store
  const auto root = pki::to_pem(root_identity_->certificate);
  put("etc/ssl/certs/Example.pem", root);
  EXPECT_EQ(trust(), (std::vector{kTrusted, kTrusted, kUntrusted, kUntrusted}));
  put("etc/ssl/certs/large.pem", std::string((16u << 20) + 1, 'x'));
  EXPECT_EQ(trust(), std::vector(4, kUnknown));  // what can't be read may be the one
  put("etc/ssl/certs/ca-certificates.crt", root);
  EXPECT_EQ(trust(), (std::vector{kTrusted, kTrusted, kUntrusted, kUntrusted}));  // by the bundle alone
  put("etc/ssl/certs/ca-certificates.crt", pki::to_pem(false_root.certificate));
  EXPECT_EQ(trust(), (std::vector{kUntrusted, kUntrusted, kUntrusted, kTrusted}));
  put("etc/ssl/certs/ca-certificates.crt", "");
  EXPECT_EQ(trust(), std::vector(4, kUntrusted));
}

TEST_F(Certificates, WhatLiesBesideTheBundleIsNotTrusted) {
  put("etc/ssl/certs/ca-certificates.crt", pki::to_pem(root_identity_->certificate));
  const auto snakeoil = pki::make_root("snakeoil", "", {from_unix_ms(1'770'000'000'000), from_unix_ms(1'790'000'000'000)}, random_);
  put("etc/ssl/certs/ssl-cert-snakeoil.pem", pki::to_pem(snakeoil.certificate));
  const auto list = in("system");
  ASSERT_EQ(list.size(), 2u);
  EXPECT_EQ(list[0].trust, posture::ChainTrust::kTrusted);
  EXPECT_EQ(list[1].trust, posture::ChainTrust::kUntrusted);
}

TEST_F(Certificates, AChainThatIsTooLongIsNotFollowed) {
  const auto root = pki::to_pem(root_identity_->certificate);
  put("etc/ssl/certs/ca-certificates.crt", root);
  std::string file = pki::to_pem(server_->certificate);
  for (int i = 0; i < 33; ++i) file += root;
  put("etc/postern/certificates/a.pem", file);
  const auto list = in("personal");
  ASSERT_EQ(list.size(), 1u);
  EXPECT_EQ(list[0].trust, posture::ChainTrust::kUnknown);
}

TEST_F(Certificates, OneThatCannotBeReadMayBeTheOneThatIsAskedFor) {
  const auto key = keys::with(keys::kCertificates, "personal");
  const auto& der = server_->certificate;
  put("etc/postern/certificates/a.crt", std::string(der.begin(), der.end()));
  ASSERT_EQ(in("personal").size(), 1u);  // as DER
  put("etc/postern/certificates/b.crt", "junk");
  EXPECT_EQ(said(key), "unknown: failed");
  put("etc/postern/certificates/b.crt", std::string(der.begin(), der.end() - 9));
  EXPECT_EQ(said(key), "unknown: failed");
}

TEST_F(Certificates, TellWhatTheyMayBeUsedFor) {
  put("etc/postern/certificates/a.pem", pki::to_pem(server_->certificate));
  put("etc/postern/certificates/b.pem", pki::to_pem(root_identity_->certificate));
  const auto list = in("personal");
  ASSERT_EQ(list.size(), 2u);
  EXPECT_EQ(list[0].usages, Texts{"1.3.6.1.5.5.7.3.1"});
  EXPECT_EQ(list[1].usages, Texts{});
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
