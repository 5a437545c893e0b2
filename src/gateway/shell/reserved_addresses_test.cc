// Where an EMS turns out to be is reserved, over a real channel to one that is configured by name.
#include "gateway/shell/reserved_addresses.h"

#include <gmock/gmock.h>

#include "net/server.h"
#include "pki/authority.h"
#include "pki/certificate.h"

namespace postern::gateway {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

class ReservedAddressesTest : public testing::Test {
 protected:
  void SetUp() override {
    net::TlsServerConfig tls;
    tls.identity = {pki::to_pem(server_.certificate) + pki::to_pem(root_.certificate), server_.key.to_pem()};
    tls.alpn = {{"postern-fabric/1", net::ClientCertificate::kAny}};
    auto listening = net::Server::listen(
        loop_, *IpAddress::parse("127.0.0.1"), 0, tls, [](net::HttpRequest, net::HttpResponder) {},
        [this](const net::HttpRequest&) {
          return net::UpgradeDecision{{}, [this](net::WebSocketPtr socket) { ems_end_ = std::move(socket); }, {}};
        });
    ASSERT_TRUE(listening) << listening.error().message;
    ems_ = std::move(*listening);
    context_.device.certificate_pem = pki::to_pem(device_.certificate);
    context_.device.key_pem = device_.key.to_pem();
    context_.core = std::make_unique<GatewayCore>(proto::FabricIdentity{}, context_.random);
    context_.pump = [this] { pump(); };
    config::FctemsConfig ems;
    ems.id = 1;
    ems.enabled = true;
    ems.server = "localhost";
    ems.https_port = ems_->port();
    ems.fingerprint = sha256(server_.certificate);
    context_.config.connectors = {ems};
  }

  void connect() {
    auto& core = *context_.core;
    core.set_connectors(context_.now(), {{1, true, "", "localhost", ems_->port(), Seconds(180), {}}});
    core.set_trusted(context_.now(), 1, true);
    pump();
    const auto look = loop_.every(std::chrono::milliseconds(1), [&] {
      if (connected()) loop_.stop();
    });
    const auto guard = loop_.after(std::chrono::seconds(20), [&] { loop_.stop(); });
    loop_.run();
    ASSERT_TRUE(connected());
  }
  bool connected() const { return context_.core->connectors().at(1).client->connected(); }
  const std::set<IpAddress>& reserved() const { return context_.core->resolver().reserved(); }

  /// What the running gateway does with the channel's actions; at the first one of an open channel it looks.
  void pump() {
    for (auto& action : context_.core->take_actions()) {
      if (auto* open = std::get_if<act::Connect>(&action)) channels_.open(open->id);
      if (auto* send = std::get_if<act::Send>(&action)) {
        EXPECT_THAT(reserved(), Contains(*IpAddress::parse("127.0.0.1"))) << "before a word is exchanged";
        channels_.send(send->id, std::move(send->bytes));
      }
    }
  }

  net::Loop loop_;
  Context context_{loop_, DaemonOptions{}};
  FabricChannels channels_{context_};
  ReservedAddresses addresses_{context_, channels_};
  pki::Validity day_{context_.now().wall - std::chrono::hours(1), context_.now().wall + std::chrono::hours(24)};
  pki::Identity root_ = pki::make_root("root", "o", day_, context_.random);
  pki::Identity server_ = pki::make_server(root_, "ems", {"localhost"}, day_, context_.random);
  pki::Identity device_ = pki::make_root("gateway", "o", day_, context_.random);
  net::WebSocketPtr ems_end_;
  std::unique_ptr<net::Server> ems_;
};

TEST_F(ReservedAddressesTest, AnEmsThatIsConfiguredByNameIsReservedFromItsConnectionOn) {
  addresses_.update();
  EXPECT_THAT(reserved(), IsEmpty());
  connect();
  EXPECT_THAT(reserved(), ElementsAre(*IpAddress::parse("127.0.0.1")));
  channels_.close(1, "done");
  addresses_.update();
  EXPECT_THAT(reserved(), ElementsAre(*IpAddress::parse("127.0.0.1"))) << "it is there still";
  context_.config.connectors.clear();
  addresses_.update();
  EXPECT_THAT(reserved(), IsEmpty());
}

TEST_F(ReservedAddressesTest, NextHopsAndWhatTheConfigurationNamesAreReserved) {
  const auto ems = *IpAddress::parse("10.0.2.10"), hop = *IpAddress::parse("10.0.1.254");
  addresses_.set_next_hops({hop});
  EXPECT_THAT(reserved(), ElementsAre(hop));
  context_.config.connectors[0].server = ems.str();
  addresses_.update();
  EXPECT_THAT(reserved(), ElementsAre(hop, ems));
  addresses_.set_next_hops({});
  EXPECT_THAT(reserved(), ElementsAre(ems));
}

}  // namespace
}  // namespace postern::gateway
