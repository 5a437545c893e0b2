#include "pki/trust_store.h"

#include <gtest/gtest.h>

#include "pki/authority.h"

namespace postern::pki {
namespace {

const WallTime kToday = from_unix_ms(1'780'000'000'000);
const Validity kTwoYears{kToday - std::chrono::hours(24 * 365), kToday + std::chrono::hours(24 * 365)};

class TrustStoreTest : public testing::Test {
 protected:
  static ErrorCode refusal(const TrustStore& store, ByteView leaf, std::span<const Bytes> between,
                           WallTime at = kToday) {
    const auto status = store.verify(leaf, between, at);
    EXPECT_FALSE(status);
    return status ? ErrorCode::kInternal : status.error().code;
  }
  Bytes client_of(const Identity& issuer) {
    return *issue_client(issuer, make_request(PrivateKey::generate()), EndpointUid("9A016B5A6E914B42AD4168C066EB04CA"),
                         EmsSerial("PSTEMS0123456789"), kTwoYears, random_);
  }

  SeededRandom random_{7};
  Identity root_ = make_root("Corp Root", "Corp", kTwoYears, random_);
  Identity issuing_ = make_intermediate(root_, "Corp Issuing CA", "Corp", kTwoYears, random_);
  std::vector<Bytes> between_{issuing_.certificate};
  TrustStore store_{std::vector<Bytes>{Bytes{1, 2, 3}, root_.certificate}};
};

TEST_F(TrustStoreTest, AChainLeadsToAnAuthority) {
  EXPECT_TRUE(store_.verify(client_of(issuing_), between_, kToday));
  EXPECT_TRUE(store_.verify(make_server(root_, "web", {"web.example"}, kTwoYears, random_).certificate, {}, kToday));
  EXPECT_TRUE(store_.verify(root_.certificate, {}, kToday));
  EXPECT_TRUE(store_.verify(issuing_.certificate, {}, kToday));
  EXPECT_EQ(refusal(store_, client_of(issuing_), {}), ErrorCode::kUnauthenticated);
  EXPECT_EQ(refusal(TrustStore({}), client_of(issuing_), between_), ErrorCode::kUnauthenticated);
  EXPECT_EQ(refusal(store_, Bytes{1, 2, 3}, {}), ErrorCode::kInvalidArgument);
}

TEST_F(TrustStoreTest, AnAuthorityNeedsNoRoot) {
  const TrustStore store(between_);
  EXPECT_TRUE(store.verify(client_of(issuing_), {}, kToday));
  EXPECT_TRUE(store.verify(issuing_.certificate, {}, kToday));
  EXPECT_EQ(refusal(store, root_.certificate, {}), ErrorCode::kUnauthenticated);
  EXPECT_EQ(refusal(store, client_of(root_), {}), ErrorCode::kUnauthenticated);
  EXPECT_EQ(refusal(store, issuing_.certificate, {}, kTwoYears.not_after + Seconds(1)), ErrorCode::kUnauthenticated);
}

TEST_F(TrustStoreTest, NamesAloneVouchForNothing) {
  const auto false_root = make_root("Corp Root", "Corp", kTwoYears, random_);
  const auto false_issuing = make_intermediate(false_root, "Corp Issuing CA", "Corp", kTwoYears, random_);
  const auto leaf = client_of(false_issuing);
  EXPECT_EQ(refusal(store_, leaf, between_), ErrorCode::kUnauthenticated);
  // Bringing one's own chain along doesn't help.
  const std::vector<Bytes> own{false_issuing.certificate, false_root.certificate};
  EXPECT_EQ(refusal(store_, leaf, own), ErrorCode::kUnauthenticated);
  EXPECT_EQ(refusal(store_, false_root.certificate, own), ErrorCode::kUnauthenticated);
}

TEST_F(TrustStoreTest, AnEndEntityIsNoAuthority) {
  const auto server = make_server(root_, "web", {"web.example"}, kTwoYears, random_);
  const std::vector<Bytes> between{server.certificate};
  EXPECT_EQ(refusal(store_, client_of(server), between), ErrorCode::kUnauthenticated);
  EXPECT_EQ(refusal(TrustStore(between), client_of(server), {}), ErrorCode::kUnauthenticated);
}

TEST_F(TrustStoreTest, TheWholeChainIsGoodAtTheTime) {
  const Validity month{kToday, kToday + std::chrono::hours(24 * 30)};
  const auto brief = make_intermediate(root_, "Brief CA", "Corp", month, random_);
  const std::vector<Bytes> between{brief.certificate};
  const auto leaf = client_of(brief);
  EXPECT_TRUE(store_.verify(leaf, between, month.not_after - Seconds(1)));
  EXPECT_EQ(refusal(store_, leaf, between, month.not_after + Seconds(1)), ErrorCode::kUnauthenticated);
  EXPECT_EQ(refusal(store_, leaf, between, month.not_before - Seconds(1)), ErrorCode::kUnauthenticated);
}

}  // namespace
}  // namespace postern::pki
