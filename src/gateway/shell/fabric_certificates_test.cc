// Questions for an EMS's certificate, against a real TLS server.
#include "gateway/shell/fabric_certificates.h"

#include <gmock/gmock.h>

#include "net/server.h"
#include "pki/authority.h"
#include "pki/certificate.h"

namespace postern::gateway {
namespace {

using testing::HasSubstr;

class FabricCertificatesTest : public testing::Test {
 protected:
  void SetUp() override {
    context_.store = config::ConfigStore::in_memory(config::gateway_schema());
    context_.core = std::make_unique<GatewayCore>(proto::FabricIdentity{}, context_.random);
    context_.pump = [] {};
    context_.store->observe([this](const config::ConfigTree&, const config::ConfigTree& after) {
      context_.config = config::read_config(after);
    });
    net::TlsServerConfig tls;
    tls.identity = {pki::to_pem(server_.certificate) + pki::to_pem(root_.certificate), server_.key.to_pem()};
    tls.alpn = {{"http/1.1"}, {""}};
    auto listening = net::Server::listen(
        loop_, *IpAddress::parse("127.0.0.1"), 0, tls, [](net::HttpRequest, net::HttpResponder) {}, nullptr);
    ASSERT_TRUE(listening) << listening.error().message;
    ems_ = std::move(*listening);
    set("server", "127.0.0.1");
    set("https-port", std::to_string(ems_->port()));
  }
  void set(const std::string& attribute, const std::string& value) {
    auto t = context_.store->begin();
    ASSERT_TRUE(t.edit({{"endpoint-control fctems", "1"}}));
    ASSERT_TRUE(t.set({{"endpoint-control fctems", "1"}}, attribute, {value}));
    ASSERT_TRUE(context_.store->commit(t));
  }
  void run_until(const std::function<bool()>& done) {
    const auto look = loop_.every(std::chrono::milliseconds(1), [&] {
      if (done()) loop_.stop();
    });
    const auto guard = loop_.after(std::chrono::seconds(20), [&] { loop_.stop(); });
    loop_.run();
    ASSERT_TRUE(done());
  }
  Status accept(const Sha256& fingerprint) {
    std::optional<Status> got;
    certificates_.accept(1, fingerprint, [&](Status s) { got = std::move(s); });
    run_until([&] { return got.has_value(); });
    return got.value_or(fail(ErrorCode::kInternal, "no answer"));
  }

  net::Loop loop_;
  Context context_{loop_, DaemonOptions{}};
  FabricChannels channels_{context_};
  FabricCertificates certificates_{context_, channels_};
  pki::Validity day_{context_.now().wall - std::chrono::hours(1), context_.now().wall + std::chrono::hours(24)};
  pki::Identity root_ = pki::make_root("root", "o", day_, context_.random);
  pki::Identity server_ = pki::make_server(root_, "ems", {"127.0.0.1"}, day_, context_.random);
  std::unique_ptr<net::Server> ems_;
};

TEST_F(FabricCertificatesTest, SeveralQuestionsAtOnceAreAllAnswered) {
  std::vector<Sha256> shown;
  for (int i = 0; i < 3; ++i) {
    certificates_.present(1, [&](Result<cli::PresentedCertificate> c) {
      ASSERT_TRUE(c) << c.error().message;
      shown.push_back(c->fingerprint);
    });
  }
  run_until([&] { return shown.size() == 3; });
  for (const auto& fingerprint : shown) EXPECT_EQ(fingerprint, sha256(server_.certificate));
}

TEST_F(FabricCertificatesTest, AcceptsOnlyWhatTheEmsShows) {
  Sha256 wrong = sha256(server_.certificate);
  wrong[0] ^= 1;
  const auto refused = accept(wrong);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kConflict);
  EXPECT_THAT(refused.error().message, HasSubstr(pki::fingerprint_text(sha256(server_.certificate))));
  EXPECT_FALSE(context_.connector(1)->fingerprint);

  ASSERT_TRUE(accept(sha256(server_.certificate)));
  EXPECT_EQ(context_.connector(1)->fingerprint, sha256(server_.certificate));
  EXPECT_EQ(context_.connector(1)->issuer_key, root_.key.public_key_sha256());
  EXPECT_TRUE(channels_.trusted(*context_.connector(1)));
  ASSERT_TRUE(certificates_.forget(1));
  EXPECT_FALSE(channels_.trusted(*context_.connector(1)));
  EXPECT_FALSE(context_.connector(1)->issuer_key);
}

TEST_F(FabricCertificatesTest, SaysWhatIsMissing) {
  const auto test = [&](ConnectorId id) {
    std::optional<Status> got;
    certificates_.test_connectivity(id, [&](Status s) { got = std::move(s); });
    run_until([&] { return got.has_value(); });
    return *got ? std::string() : got->error().message;
  };
  EXPECT_THAT(test(2), HasSubstr("not configured"));
  EXPECT_THAT(test(1), HasSubstr("execute fctems verify 1"));
  ems_.reset();
  EXPECT_THAT(test(1), HasSubstr("refused"));
}

}  // namespace
}  // namespace postern::gateway
