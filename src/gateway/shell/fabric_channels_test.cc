// Who may go on speaking for an EMS when another certificate is accepted, over real connections.
#include "gateway/shell/fabric_channels.h"

#include <gtest/gtest.h>

#include "gateway/core/gateway_core_lab.h"
#include "gateway/shell/ems_lab.h"
#include "pki/certificate.h"

namespace postern::gateway {
namespace {

class FabricChannelsTest : public EmsLab {
 protected:
  FabricChannelsTest() : EmsLab("127.0.0.1") {}
  void SetUp() override {
    ems_ = listen({{"postern-fabric/1", net::ClientCertificate::kAny}}, [this](const net::HttpRequest&) {
      return net::UpgradeDecision{{}, [this](net::WebSocketPtr socket) {
                                    ems_end_ = std::move(socket);
                                    ++connections_;
                                  }, {}};
    });
    context_.device.certificate_pem = pki::to_pem(device_.certificate);
    context_.device.key_pem = device_.key.to_pem();
    context_.pump = [this] { pump(); };
    config_.id = 1;
    config_.enabled = true;
    config_.server = "127.0.0.1";
    config_.https_port = ems_->port();
    config_.fingerprint = sha256(server_.certificate);
    config_.issuer_key = root_.key.public_key_sha256();
    configure();
    run_until([&] { return connected(); });
    FakeEms says(*context_.core, context_.clock);
    says.authorise();
    wire::ViewEntry entry;
    entry.mutable_record()->set_uid(GatewayCoreLab::kUid);
    says.snapshot();
    says.upsert(entry);
    ASSERT_TRUE(knows_the_endpoint());
  }
  void configure() {
    context_.config.connectors = {config_};
    channels_.on_configured(config_);
    auto& core = *context_.core;
    core.set_connectors(context_.now(), {{1, true, "EMS", "127.0.0.1", ems_->port(), Seconds(180), {}}});
    core.set_trusted(context_.now(), 1, channels_.trusted(config_));
    pump();
  }
  void pump() {
    for (auto& action : context_.core->take_actions()) {
      if (auto* open = std::get_if<act::Connect>(&action)) channels_.open(open->id);
      if (auto* send = std::get_if<act::Send>(&action)) channels_.send(send->id, std::move(send->bytes));
      if (auto* bye = std::get_if<act::Disconnect>(&action)) channels_.close(bye->id, bye->reason);
    }
  }
  bool connected() const { return context_.core->connectors().at(1).client->connected(); }
  bool knows_the_endpoint() const { return !context_.core->records().empty(); }

  config::FctemsConfig config_;
  pki::Identity device_ = pki::make_root("gateway", "o", day_, context_.random);
  net::WebSocketPtr ems_end_;
  int connections_ = 0;
};

TEST_F(FabricChannelsTest, WhatStillAcceptsWhoIsThereEndsNothing) {
  config_.trust_ca_cn = false;
  configure();
  config_.fingerprint.reset();
  config_.trusted_pem = pki::to_pem(root_.certificate);
  configure();
  config_.name = "HQ";
  configure();
  EXPECT_TRUE(connected());
  EXPECT_TRUE(knows_the_endpoint());
  EXPECT_EQ(connections_, 1);
}

TEST_F(FabricChannelsTest, AnotherAcceptedCertificateEndsTheConnectionToWhoShowsTheOneBefore) {
  const auto taken_back = [](config::FctemsConfig& c) {
    c.fingerprint->fill(0);
    c.issuer_key->fill(0);
  };
  taken_back(config_);
  configure();
  EXPECT_FALSE(connected());
  EXPECT_FALSE(knows_the_endpoint()) << "who has a stolen key said that";
  run_until([&] { return channels_.seen(1).changed_certificate; });
  EXPECT_FALSE(context_.core->connectors().at(1).trusted);

  // The stop is of that acceptance only.
  config_.fingerprint = sha256(server_.certificate);
  configure();
  run_until([&] { return connected(); });
  EXPECT_FALSE(channels_.seen(1).changed_certificate);
}

TEST_F(FabricChannelsTest, ARenewalThatIsTrustedNoMoreEndsItToo) {
  config_.fingerprint->fill(0);  // shown is one that the same key signed
  configure();
  ASSERT_TRUE(connected());
  config_.trust_ca_cn = false;
  configure();
  EXPECT_FALSE(connected());
  EXPECT_FALSE(knows_the_endpoint());
}

TEST_F(FabricChannelsTest, WhatWasSaidBeforeStaysWhileTheEmsShowsTheNewOneItself) {
  const auto before = server_;
  root_ = pki::make_root("new root", "o", day_, context_.random);
  server_ = pki::make_server(root_, "ems", {server_name_}, day_, context_.random);
  net::TlsServerConfig tls;
  tls.identity = {pki::to_pem(server_.certificate) + pki::to_pem(root_.certificate), server_.key.to_pem()};
  tls.alpn = {{"postern-fabric/1", net::ClientCertificate::kAny}};
  ASSERT_TRUE(ems_->set_tls(tls));
  channels_.expect(1, sha256(server_.certificate));
  config_.fingerprint = sha256(server_.certificate);
  config_.issuer_key = root_.key.public_key_sha256();
  configure();
  EXPECT_TRUE(knows_the_endpoint());
  run_until([&] { return connections_ == 2 && connected(); });
  EXPECT_TRUE(knows_the_endpoint());
}

TEST_F(FabricChannelsTest, NobodyAcceptedMeansNobodyGoesOn) {
  config_.fingerprint.reset();
  configure();
  EXPECT_FALSE(connected());
  EXPECT_FALSE(knows_the_endpoint());
}

}  // namespace
}  // namespace postern::gateway
