#include "pki/trust_store.h"

#include <gtest/gtest.h>

#include <string_view>

#include "base/hex.h"
#include "pki/authority.h"

namespace postern::pki {
namespace {

const WallTime kToday = from_unix_ms(1'780'000'000'000);
const Validity kTwoYears{kToday - std::chrono::hours(24 * 365), kToday + std::chrono::hours(24 * 365)};

// Made with openssl: a root, two authorities of it that name what they vouch for (serverAuth, clientAuth), and of the first a
// certificate that names no usage, of the other one for codeSigning and clientAuth and one for clientAuth alone.
constexpr std::string_view kRoot =
    "3082018e30820134a003020102021478b966656d5c76604e304dd857bf468f9bffa673300a06082a8648ce3d0403023015311330110603"
    "5504030c0a557361676520526f6f743020170d3236313132363230313834395a180f32303536313131383230313834395a301531133011"
    "06035504030c0a557361676520526f6f743059301306072a8648ce3d020106082a8648ce3d03010703420004426cc5d7803010e124bc6e"
    "c462c8a23256cebcc5c515e6dcc19ae7da626596b96e2ac8e71033051b016dfc33e79390d1d99169e6885c5b809175245eeb896aa9a360"
    "305e301d0603551d0e04160414cc0b6c6fd331c543b75cde4f5644deac43f32df8301f0603551d23041830168014cc0b6c6fd331c543b7"
    "5cde4f5644deac43f32df8300f0603551d130101ff040530030101ff300b0603551d0f040403020204300a06082a8648ce3d0403020348"
    "003045022100929b001cf46529981d55340ff8007d173bbb2d2aba8e28f185b6f6158523b42e02204041cc81ed98342553a19ae072cfa2"
    "e907f748c016c1ffcf034cad5cd834f608";
constexpr std::string_view kIserver =
    "3082018d30820134a00302010202021591300a06082a8648ce3d04030230153113301106035504030c0a557361676520526f6f74302017"
    "0d3236313132363230313834395a180f32303536303932393230313834395a30123110300e06035504030c076973657276657230593013"
    "06072a8648ce3d020106082a8648ce3d03010703420004a91cc39e749493b0f595da6a582db6c7dbd2fd222b3c1df1589dfd03f94b77c9"
    "9a72b1e8d2f7c3b6cb05d6dc220d57da280aba0726693b8fc9c459fbb78f2cc3a3753073300f0603551d130101ff040530030101ff300b"
    "0603551d0f04040302020430130603551d25040c300a06082b06010505070301301d0603551d0e04160414a3f4fa0c50c9b693443adb72"
    "5a43035a50163d66301f0603551d23041830168014cc0b6c6fd331c543b75cde4f5644deac43f32df8300a06082a8648ce3d0403020347"
    "003044022046753064a39cd242096e7965b259e92603081827a70049479dd17fa5b77d5be2022028e9e5e1074942144274f1ba3c42736f"
    "5d6d4caf21c122b7e1f7ab0a29367e05";
constexpr std::string_view kIclient =
    "3082018e30820134a00302010202027e5a300a06082a8648ce3d04030230153113301106035504030c0a557361676520526f6f74302017"
    "0d3236313132363230313834395a180f32303536303932393230313834395a30123110300e06035504030c0769636c69656e7430593013"
    "06072a8648ce3d020106082a8648ce3d03010703420004904f5ae1458f5533afd9e548db8972f917cbbe971cb7c29f5fe1c3460d71ca23"
    "437e0fe308165f0abfdd04bf8b3210225478eb57bcf7c9f654992565de1d8038a3753073300f0603551d130101ff040530030101ff300b"
    "0603551d0f04040302020430130603551d25040c300a06082b06010505070302301d0603551d0e04160414b4153c1c93f6d4c3b9a2d6e0"
    "8a0d47120f76f8ab301f0603551d23041830168014cc0b6c6fd331c543b75cde4f5644deac43f32df8300a06082a8648ce3d0403020348"
    "003045022100fbb0e9fbce3f7ddb3bdf8827fb835cfce37c8addba30662502539d10f8db2f4802202eae3926d8dd32af7b105fde8fd3fb"
    "e773bb73a6daf2da8a4b293414cc302e2b";
constexpr std::string_view kNone =
    "3082016230820108a00302010202023ae3300a06082a8648ce3d04030230123110300e06035504030c07697365727665723020170d3236"
    "313132363230313834395a180f32303536303932393230313834395a300f310d300b06035504030c046e6f6e653059301306072a8648ce"
    "3d020106082a8648ce3d0301070342000438bb6bb47374f3ec9f87da6849709117d40493b256fa4a6e7f938d3a4a3af6dd4911ef656c98"
    "bb03a03a535407c6f204b327d0b58e27a1e986479fd03b936558a34f304d300b0603551d0f040403020780301d0603551d0e041604148e"
    "79a4c547ffc215de2d9551a10df655a82ccf24301f0603551d23041830168014a3f4fa0c50c9b693443adb725a43035a50163d66300a06"
    "082a8648ce3d0403020348003045022100c3075ec99f92fc4b5c1a6de50f01fb45efce57bd176a825c6f6618c0c52c4026022051a2529e"
    "d2e9e564878cf70d4d3e0bc56027ec24e89d52e766957f59fb33b7c8";
constexpr std::string_view kCode =
    "3082018130820127a00302010202027920300a06082a8648ce3d04030230123110300e06035504030c0769636c69656e743020170d3236"
    "313132363230313834395a180f32303536303932393230313834395a300f310d300b06035504030c04636f64653059301306072a8648ce"
    "3d020106082a8648ce3d03010703420004bd9d7ffd9e107ac0f9be70714937414bd5aaa58d27bfcb2d26388ea2d238cd9e5222787389e9"
    "235ad91187f2e2780547c3b792959f767350aff50fcb61c5874ca36e306c300b0603551d0f040403020780301d0603551d250416301406"
    "082b0601050507030306082b06010505070302301d0603551d0e04160414cdd869f5cbc5b6c4332e70b6a16e108183d00d87301f060355"
    "1d23041830168014b4153c1c93f6d4c3b9a2d6e08a0d47120f76f8ab300a06082a8648ce3d0403020348003045022002c165fe1666cf2d"
    "9da6627011877592327a00964956b521cf2387559d2f7cbb0221009ca004139798f77fbc512dbb347f1be296c0650d89375e7af17e2960"
    "a6ac2c72";
constexpr std::string_view kClient =
    "308201783082011fa00302010202022433300a06082a8648ce3d04030230123110300e06035504030c0769636c69656e743020170d3236"
    "313132363230313834395a180f32303536303932393230313834395a3011310f300d06035504030c06636c69656e743059301306072a86"
    "48ce3d020106082a8648ce3d030107034200045f65bd191d735d201c48a435db2801b23e7ccc82574a0dc183fbf8ce060f2d255c5dc8ae"
    "eb12223ff1fd58587ca2aaf48466d8c88501414c68d3743abbc61852a3643062300b0603551d0f04040302078030130603551d25040c30"
    "0a06082b06010505070302301d0603551d0e04160414d729c618f7f167022afc4a2ee300588bc147e5cf301f0603551d23041830168014"
    "b4153c1c93f6d4c3b9a2d6e08a0d47120f76f8ab300a06082a8648ce3d040302034700304402201a31094d36bc8560cfa98b744b8b40f6"
    "52b9b8b6f36e8e9ee4cbf463ddd5d7bd02202ea2e2ed4f349bdd24cc5c68a58b453761f446773ffe7ef107ed64a51e570df5";

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

TEST_F(TrustStoreTest, AnAuthorityVouchesForWhatItNamesAlone) {
  const auto at = from_unix_ms(1'800'000'000'000);  // 2027-01-15
  const TrustStore store(std::vector<Bytes>{*from_hex(kRoot)});
  const std::vector<Bytes> between{*from_hex(kIserver), *from_hex(kIclient)};
  EXPECT_TRUE(store.verify(*from_hex(kClient), between, at));
  EXPECT_EQ(refusal(store, *from_hex(kNone), between, at), ErrorCode::kUnauthenticated);
  EXPECT_EQ(refusal(store, *from_hex(kCode), between, at), ErrorCode::kUnauthenticated);
}

}  // namespace
}  // namespace postern::pki
