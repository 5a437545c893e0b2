#include "nginx/verified_leaves.h"

#include <gtest/gtest.h>
#include <openssl/pem.h>

#include <memory>

#include "nginx/lab_test.h"

namespace postern::nginx::lab {
namespace {

Sha256 digest(std::uint8_t first, std::uint8_t last) {
  Sha256 out{};
  out.front() = first;
  out.back() = last;
  return out;
}

TEST(VerifiedLeaves, AVerdictHoldsForItsTimeAndEpochAlone) {
  VerifiedLeaves leaves;
  EXPECT_FALSE(leaves.has(digest(0, 0), 0, 0)) << "nothing is known at first";
  leaves.add(digest(1, 1), 7, 100, 200);
  EXPECT_TRUE(leaves.has(digest(1, 1), 7, 100));
  EXPECT_TRUE(leaves.has(digest(1, 1), 7, 199));
  EXPECT_FALSE(leaves.has(digest(1, 1), 7, 99)) << "the clock was set back";
  EXPECT_FALSE(leaves.has(digest(1, 1), 7, 200)) << "expired";
  EXPECT_FALSE(leaves.has(digest(1, 1), 8, 150)) << "another epoch";
  EXPECT_FALSE(leaves.has(digest(1, 2), 7, 150)) << "at its place, but another certificate";
  EXPECT_FALSE(leaves.has(Sha256{}, 0, 0)) << "a place that is free holds nobody";
}

TEST(VerifiedLeaves, ANewerOneTakesThePlace) {
  VerifiedLeaves leaves;
  leaves.add(digest(1, 1), 7, 100, 200);
  leaves.add(digest(1, 2), 7, 100, 200);
  EXPECT_FALSE(leaves.has(digest(1, 1), 7, 150));
  EXPECT_TRUE(leaves.has(digest(1, 2), 7, 150));
}

struct Free {
  void operator()(X509* x) const { X509_free(x); }
  void operator()(X509_STORE* s) const { X509_STORE_free(s); }
  void operator()(X509_STORE_CTX* c) const { X509_STORE_CTX_free(c); }
};

std::unique_ptr<X509, Free> read(const std::string& pem) {
  BIO* bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  std::unique_ptr<X509, Free> out(PEM_read_bio_X509(bio, nullptr, nullptr, nullptr));
  BIO_free(bio);
  return out;
}

int go_on(int, X509_STORE_CTX*) { return 1; }  // as nginx does

/// What OpenSSL would have the handshake end with. No `ca`: nobody is trusted, so that only what is remembered passes.
int verdict(VerifiedLeaves& leaves, const Identity& who, const Authority* ca, std::uint64_t epoch = 1, unsigned long flags = 0) {
  std::unique_ptr<X509_STORE, Free> store(X509_STORE_new());
  if (ca != nullptr) X509_STORE_add_cert(store.get(), read(ca->certificate()).get());
  const auto leaf = read(who.certificate);
  std::unique_ptr<X509_STORE_CTX, Free> ctx(X509_STORE_CTX_new());
  X509_STORE_CTX_init(ctx.get(), store.get(), leaf.get(), nullptr);
  X509_STORE_CTX_set_default(ctx.get(), "ssl_client");
  X509_STORE_CTX_set_verify_cb(ctx.get(), go_on);
  X509_VERIFY_PARAM_set_flags(X509_STORE_CTX_get0_param(ctx.get()), flags);
  EXPECT_EQ(leaves.verify(ctx.get(), epoch), 1);
  return X509_STORE_CTX_get_error(ctx.get());
}

class VerifyOnce : public testing::Test {
 protected:
  Authority ca_{"ZTNA CA"}, other_{"ZTNA CA"};
  Identity device_ = ca_.issue("device", Usage::kClient);
  VerifiedLeaves leaves_;
};

TEST_F(VerifyOnce, OnlyTheSameCertificateInTheSameEpoch) {
  EXPECT_NE(verdict(leaves_, device_, nullptr), X509_V_OK);
  EXPECT_EQ(verdict(leaves_, device_, &ca_), X509_V_OK);
  EXPECT_EQ(verdict(leaves_, device_, nullptr), X509_V_OK) << "remembered";
  EXPECT_NE(verdict(leaves_, ca_.issue("device", Usage::kClient), nullptr), X509_V_OK) << "of the same name and CA";
  EXPECT_NE(verdict(leaves_, device_, nullptr, 2), X509_V_OK) << "another epoch";
}

TEST_F(VerifyOnce, WhatFailedIsNotRemembered) {
  for (const auto& bad : {other_.issue("device", Usage::kClient), ca_.issue("device", Usage::kServer),
                          ca_.issue("device", Usage::kClient, -7000, -60), ca_.issue("device", Usage::kClient, 600, 7000)}) {
    for (int i = 0; i < 2; ++i) EXPECT_NE(verdict(leaves_, bad, &ca_), X509_V_OK);
  }
}

TEST_F(VerifyOnce, WithRevocationListsEachTimeCounts) {
  EXPECT_EQ(verdict(leaves_, device_, &ca_), X509_V_OK);
  EXPECT_EQ(verdict(leaves_, device_, &ca_, 1, X509_V_FLAG_CRL_CHECK), X509_V_ERR_UNABLE_TO_GET_CRL);
}

TEST_F(VerifyOnce, AVerdictEndsWithTheCertificate) {
  const auto brief = ca_.issue("brief", Usage::kClient, -60, 1);
  EXPECT_EQ(verdict(leaves_, brief, &ca_), X509_V_OK);
  EXPECT_TRUE(wait_for([&] { return verdict(leaves_, brief, &ca_) == X509_V_ERR_CERT_HAS_EXPIRED; }));
}

}  // namespace
}  // namespace postern::nginx::lab
