// `config endpoint-control settings`: how certificates not met yet are asked about.
#include "gateway/core/gateway_core_lab.h"

namespace postern::gateway {
namespace {

struct AskingTest : GatewayCoreLab {
  static Sha256 another(unsigned number) { return sha256("certificate " + std::to_string(number)); }
  std::vector<CertificateVerdict> verdicts() {
    std::vector<CertificateVerdict> out;
    for (const auto& answer : take<act::Answer>()) out.push_back(answer.verdict);
    return out;
  }
};

TEST_F(AskingTest, AnUnknownCertificateIsRememberedForAsLongAsIsSet) {
  connect();
  core_.set_asking({Seconds(600), Seconds(60), 500});
  core_.on_unknown_certificate(clock_.now(), another(1));
  ems_.answer(1, wire::CertificateAnswer::UNKNOWN);
  take<act::Answer>();
  tick(std::chrono::seconds(6));  // longer than unless set
  take<act::Answer>();
  core_.on_unknown_certificate(clock_.now(), another(1));
  EXPECT_EQ(verdicts(), std::vector{CertificateVerdict::kUnknown});
}

TEST_F(AskingTest, NoMoreAreAskedAboutEachSecondThanIsSet) {
  connect();
  core_.set_asking({Seconds(600), Seconds(5), 2});
  for (unsigned i = 0; i < 3; ++i) core_.on_unknown_certificate(clock_.now(), another(i));
  EXPECT_EQ(verdicts(), std::vector{CertificateVerdict::kUnavailable});
  tick(std::chrono::seconds(1));
  take<act::Answer>();
  core_.on_unknown_certificate(clock_.now(), another(9));
  EXPECT_TRUE(verdicts().empty()) << "it is asked about";
}

TEST_F(AskingTest, ARecordIsKeptForAsLongAsIsSet) {
  connect();
  core_.set_asking({Seconds(60), Seconds(5), 500});
  core_.on_unknown_certificate(clock_.now(), leaf('a'));
  auto e = endpoint({495});
  e.set_share_connected(false);
  e.set_asked(true);
  ems_.upsert(e);
  ems_.answer(1, wire::CertificateAnswer::FOUND);
  const auto released = [&](int seconds) {
    bool seen = false;
    for (int i = 0; i < seconds; ++i) {
      clock_.advance(std::chrono::seconds(1));
      ems_.pong();
      core_.on_tick(clock_.now());
      for (const auto& f : take_frames()) seen |= f.has_release_endpoint();
    }
    return seen;
  };
  EXPECT_FALSE(released(50));
  EXPECT_TRUE(released(20));
}

}  // namespace
}  // namespace postern::gateway
