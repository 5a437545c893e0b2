// Questions for an EMS's certificate, against a real TLS server.
#include "gateway/shell/fabric_certificates.h"

#include <gmock/gmock.h>

#include "gateway/shell/ems_lab.h"
#include "pki/certificate.h"
#include "wire/fabric.pb.h"

namespace postern::gateway {
namespace {

using testing::HasSubstr;

const config::Author kAnn{"ann", "cli"};

class FabricCertificatesTest : public EmsLab {
 protected:
  FabricCertificatesTest() : EmsLab("127.0.0.1") {}
  void SetUp() override {
    context_.store = config::ConfigStore::in_memory(config::gateway_schema());
    context_.pump = [] {};
    context_.store->observe([this](const config::ConfigTree&, const config::ConfigTree& after) {
      context_.config = config::read_config(after);
    });
    context_.device.serial = GatewaySerial("PGW0000000000001");
    context_.device.key_sha256 = sha256(std::string_view("device"));
    ems_ = listen({{"postern-fabric/1", net::ClientCertificate::kAny}, {"http/1.1"}, {""}});
    set("server", "127.0.0.1");
    set("https-port", std::to_string(ems_->port()));
  }
  /// The core gets connector 1 as it is configured, now and after each commit, as the daemon gives it.
  void follow_the_configuration() {
    const auto configure = [this] {
      const auto& c = *context_.connector(1);
      context_.core->set_connectors(context_.now(),
                                    {{1, c.enabled, c.name, c.server, c.https_port, Seconds(180), c.serial, c.tenant}});
      context_.core->set_trusted(context_.now(), 1, channels_.trusted(c));
    };
    context_.store->observe([configure](const config::ConfigTree&, const config::ConfigTree&) { configure(); });
    configure();
  }
  /// Connector 1 is enabled, and its EMS says this.
  void say(const wire::FabricStatus& status) {
    trust();
    context_.core->on_connected(context_.now(), 1);
    wire::FabricFrame frame;
    *frame.mutable_status() = status;
    context_.core->on_frame(context_.now(), 1, as_bytes(frame.SerializeAsString()));
  }
  /// What `diagnose endpoint fctems test-connectivity` says; nothing: all is well.
  std::string test(ConnectorId id) {
    std::optional<Status> got;
    certificates_.test_connectivity(id, [&](Status s) { got = std::move(s); });
    run_until([&] { return got.has_value(); });
    return *got ? std::string() : got->error().message;
  }
  void set(const std::string& attribute, const std::string& value) {
    auto t = context_.store->begin(config::Actor::kGateway);
    ASSERT_TRUE(t.edit({{"endpoint-control fctems", "1"}}));
    ASSERT_TRUE(t.set({{"endpoint-control fctems", "1"}}, attribute, {value}));
    ASSERT_TRUE(context_.store->commit(t));
  }
  Status accept(const Sha256& fingerprint, const char* serial = "", const std::string& tenant = {}) {
    std::optional<Status> got;
    certificates_.accept(1, {fingerprint, EmsSerial(serial), TenantId(tenant)}, kAnn, [&](Status s) { got = std::move(s); });
    run_until([&] { return got.has_value(); });
    return got.value_or(fail(ErrorCode::kInternal, "no answer"));
  }

  FabricCertificates certificates_{context_, channels_};
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
  ASSERT_TRUE(certificates_.forget(1, kAnn));
  EXPECT_FALSE(channels_.trusted(*context_.connector(1)));
  EXPECT_FALSE(context_.connector(1)->issuer_key);
}

TEST_F(FabricCertificatesTest, TrustIsTakenBackByWhateverItWasGiven) {
  auto t = context_.store->begin();
  ASSERT_TRUE(t.edit({{"certificate remote", "ems"}}));
  ASSERT_TRUE(t.set({{"certificate remote", "ems"}}, "remote", {pki::to_pem(server_.certificate)}));
  ASSERT_TRUE(t.set({{"endpoint-control fctems", "1"}}, "certificate-remote", {"ems"}));
  ASSERT_TRUE(context_.store->commit(t));
  ASSERT_TRUE(channels_.trusted(*context_.connector(1)));
  ASSERT_TRUE(certificates_.forget(1, kAnn));
  EXPECT_FALSE(channels_.trusted(*context_.connector(1)));
}

TEST_F(FabricCertificatesTest, SaysWhatIsMissing) {
  EXPECT_THAT(test(2), HasSubstr("not configured"));
  EXPECT_THAT(test(1), HasSubstr("execute fctems verify 1"));
  ems_.reset();
  EXPECT_THAT(test(1), HasSubstr("refused"));
}

TEST_F(FabricCertificatesTest, AnotherPortThanTheEmssHttpsPortIsNeitherShownNorAccepted) {
  // The telemetry port, a web server that knows no ALPN, and one of today's.
  const std::vector<std::vector<net::AlpnPolicy>> others = {
      {{"postern-telemetry/1", net::ClientCertificate::kRequired}, {"postern-enrol/1"}}, {{""}}, {{"http/1.1"}, {""}}};
  for (const auto& alpn : others) {
    const auto other = listen(alpn);
    set("https-port", std::to_string(other->port()));
    std::optional<Result<cli::PresentedCertificate>> shown;
    certificates_.present(1, [&](Result<cli::PresentedCertificate> c) { shown = std::move(c); });
    run_until([&] { return shown.has_value(); });
    ASSERT_FALSE(*shown) << alpn.front().protocol;
    EXPECT_THAT(shown->error().message, HasSubstr("not the HTTPS port of an EMS"));
    EXPECT_THAT(shown->error().message, HasSubstr("edit 1, set https-port <port>"));
    EXPECT_FALSE(accept(sha256(server_.certificate)));
    EXPECT_FALSE(context_.connector(1)->fingerprint);
    EXPECT_THAT(test(1), HasSubstr("not the HTTPS port of an EMS"));
  }
}

TEST_F(FabricCertificatesTest, AnotherKeyOfThisGatewayIsComparedAndAuthorisedAtTheEms) {
  ASSERT_TRUE(accept(sha256(server_.certificate)));
  wire::FabricStatus status;
  status.set_state(wire::FabricStatus::CONFLICT);
  status.set_ems_serial("PSTEMS0123456789");
  status.set_authorise_path("/fabric-authorization?serial=PGW0000000000001");
  say(status);
  const auto page = "https://127.0.0.1:" + std::to_string(ems_->port()) + status.authorise_path();
  const auto told = test(1);
  EXPECT_THAT(told, HasSubstr(page));
  EXPECT_THAT(told, HasSubstr(pki::fingerprint_text(context_.device.key_sha256)));
  EXPECT_THAT(told, HasSubstr("/api/v1/fabric-devices/PGW0000000000001"));
  status.set_state(wire::FabricStatus::REFUSED);
  say(status);
  EXPECT_THAT(test(1), HasSubstr("refused this gateway: to change that, authorise it at " + page));
  status.set_state(wire::FabricStatus::PENDING);
  say(status);
  EXPECT_THAT(test(1), HasSubstr("authorises it at " + page));
  status.set_state(wire::FabricStatus::AUTHORISED);
  say(status);
  EXPECT_EQ(test(1), "");
}

TEST_F(FabricCertificatesTest, AnotherEmsStopsTheConnectorUntilAnAdministratorTakesIt) {
  ASSERT_TRUE(accept(sha256(server_.certificate)));
  set("serial-number", "PSTEMS0123456789");
  set("status", "enable");
  auto& core = *context_.core;
  follow_the_configuration();
  const auto connects = [&] {
    bool out = false;
    for (const auto& action : core.take_actions()) out |= std::holds_alternative<act::Connect>(action);
    return out;
  };
  ASSERT_TRUE(connects());
  wire::FabricFrame frame;
  frame.mutable_status()->set_state(wire::FabricStatus::AUTHORISED);
  frame.mutable_status()->set_ems_serial("PSTEMS9999999999");
  frame.mutable_status()->set_tenant_id(std::string(32, '1'));
  const auto answer = [&] {
    core.on_connected(context_.now(), 1);
    core.on_frame(context_.now(), 1, as_bytes(frame.SerializeAsString()));
  };
  answer();
  const auto stopped = [&] { return core.connectors().at(1).other_ems(); };
  ASSERT_TRUE(stopped());
  EXPECT_FALSE(connects());
  EXPECT_THAT(test(1), testing::AllOf(HasSubstr("it says that it is PSTEMS9999999999"), HasSubstr("PSTEMS0123456789"),
                                      HasSubstr("execute fctems verify 1 shows both and asks")));

  std::optional<cli::PresentedCertificate> shown;
  certificates_.present(1, [&](Result<cli::PresentedCertificate> c) { shown = *c; });
  run_until([&] { return shown.has_value(); });
  EXPECT_TRUE(shown->accepted && shown->other_ems);
  EXPECT_EQ(shown->ems_serial.str(), "PSTEMS9999999999");
  EXPECT_EQ(shown->tenant.str(), std::string(32, '1'));
  EXPECT_EQ(shown->pinned_serial.str(), "PSTEMS0123456789");
  EXPECT_EQ(shown->accepted_before, sha256(server_.certificate));

  // The fingerprint alone, as scripts repeat it, or another serial number decides nothing.
  for (const char* serial : {"", "PSTEMS0000000001", "PSTEMS0123456789"}) {
    const auto refused = accept(sha256(server_.certificate), serial);
    ASSERT_FALSE(refused) << serial;
    EXPECT_EQ(refused.error().code, ErrorCode::kConflict);
    EXPECT_THAT(
        refused.error().message,
        HasSubstr("execute fctems verify 1 " + to_hex_lower(sha256(server_.certificate)) + " PSTEMS9999999999 1111"));
    EXPECT_TRUE(stopped());
    EXPECT_FALSE(connects());
    EXPECT_EQ(context_.connector(1)->serial.str(), "PSTEMS0123456789");
  }

  ASSERT_TRUE(accept(sha256(server_.certificate), "PSTEMS9999999999"));
  EXPECT_EQ(context_.connector(1)->serial.str(), "PSTEMS9999999999");
  EXPECT_FALSE(stopped());
  EXPECT_TRUE(connects());
  answer();
  EXPECT_FALSE(stopped());
  EXPECT_EQ(test(1), "");

  // The same one, for another tenant.
  set("tenant-id", std::string(32, '2'));
  EXPECT_THAT(test(1), HasSubstr("of tenant " + std::string(32, '2')));
  const auto refused = accept(sha256(server_.certificate), "PSTEMS9999999999");
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr(std::string(32, '1')));
  EXPECT_EQ(context_.connector(1)->tenant.str(), std::string(32, '2'));
  core.take_actions();
  ASSERT_TRUE(accept(sha256(server_.certificate), "", std::string(32, '1')));
  EXPECT_EQ(context_.connector(1)->tenant.str(), std::string(32, '1'));
  EXPECT_EQ(context_.connector(1)->serial.str(), "PSTEMS9999999999");
  EXPECT_TRUE(connects());
  answer();
  EXPECT_EQ(test(1), "");
}

TEST_F(FabricCertificatesTest, AnotherEmsIsAskedAboutOnlyWhileItIsKnownWhich) {
  ASSERT_TRUE(accept(sha256(server_.certificate)));
  set("serial-number", "PSTEMS0000000002");
  set("status", "enable");
  auto& core = *context_.core;
  follow_the_configuration();
  wire::FabricFrame frame;
  frame.mutable_status()->set_state(wire::FabricStatus::AUTHORISED);
  frame.mutable_status()->set_ems_serial("PSTEMS9999999999");
  const auto answer = [&] {
    core.on_connected(context_.now(), 1);
    core.on_frame(context_.now(), 1, as_bytes(frame.SerializeAsString()));
  };
  const auto present = [&] {
    std::optional<cli::PresentedCertificate> shown;
    certificates_.present(1, [&](Result<cli::PresentedCertificate> c) { shown = *c; });
    run_until([&] { return shown.has_value(); });
    return shown.value_or(cli::PresentedCertificate());
  };
  answer();
  ASSERT_TRUE(present().other_ems);
  set("server", "127.0.0.9");
  set("server", "127.0.0.1");
  EXPECT_FALSE(present().other_ems);
  EXPECT_EQ(present().ems_serial.str(), "");
  answer();
  EXPECT_TRUE(present().other_ems);
  EXPECT_EQ(present().ems_serial.str(), "PSTEMS9999999999");

  // Meanwhile somebody with another certificate is there: who it is has not been asked.
  const auto fingerprint = sha256(server_.certificate);
  root_ = pki::make_root("another root", "o", day_, context_.random);
  server_ = pki::make_server(root_, "ems", {server_name_}, day_, context_.random);
  ems_ = listen({{"postern-fabric/1", net::ClientCertificate::kAny}, {"http/1.1"}, {""}});
  set("https-port", std::to_string(ems_->port()));
  answer();
  ASSERT_TRUE(core.connectors().at(1).other_ems());
  const auto shown = present();
  EXPECT_FALSE(shown.other_ems || shown.accepted);
  EXPECT_EQ(shown.ems_serial.str(), "");
  EXPECT_EQ(shown.accepted_before, fingerprint);
  ASSERT_TRUE(accept(shown.fingerprint));
  EXPECT_FALSE(core.connectors().at(1).other_ems());
  EXPECT_EQ(context_.connector(1)->serial.str(), "PSTEMS0000000002") << "that one is still expected";
  answer();
  EXPECT_TRUE(present().other_ems);
  ASSERT_TRUE(accept(shown.fingerprint, "PSTEMS9999999999"));
  EXPECT_EQ(context_.connector(1)->serial.str(), "PSTEMS9999999999");
  answer();
  EXPECT_EQ(test(1), "");

  // Who names no tenant is not taken by the fingerprint alone, which would change nothing.
  set("tenant-id", std::string(32, '2'));
  answer();
  EXPECT_TRUE(present().other_ems);
  EXPECT_FALSE(accept(shown.fingerprint));
  EXPECT_TRUE(core.connectors().at(1).other_ems());
  ASSERT_TRUE(accept(shown.fingerprint, "PSTEMS9999999999"));
  EXPECT_EQ(context_.connector(1)->tenant.str(), "");
  answer();
  EXPECT_EQ(test(1), "");
}

TEST_F(FabricCertificatesTest, AStopByAnotherCertificateIsOfItsPlaceOnly) {
  context_.device.certificate_pem = pki::to_pem(server_.certificate);
  context_.device.key_pem = server_.key.to_pem();
  set("certificate-fingerprint", std::string(64, 'a'));
  set("status", "enable");
  trust();
  channels_.open(1);
  run_until([&] { return channels_.seen(1).changed_certificate; });
  channels_.on_configured(*context_.connector(1));
  EXPECT_FALSE(channels_.trusted(*context_.connector(1)));
  set("server", "127.0.0.9");
  channels_.on_configured(*context_.connector(1));
  EXPECT_TRUE(channels_.trusted(*context_.connector(1)));
}

TEST_F(FabricCertificatesTest, TheCaThatIssuedTheCertificateIsNamed) {
  EXPECT_EQ(verifying_ca_of({server_.certificate, root_.certificate}),
            pki::parse_certificate(root_.certificate)->subject);
  EXPECT_EQ(verifying_ca_of({server_.certificate}), "");
  EXPECT_EQ(verifying_ca_of({root_.certificate}), "");
  EXPECT_EQ(verifying_ca_of({}), "");
}

}  // namespace
}  // namespace postern::gateway
