// Where an EMS turns out to be is reserved, over a real channel to one that is configured by name.
#include "gateway/shell/reserved_addresses.h"

#include <gmock/gmock.h>

#include "gateway/shell/ems_lab.h"
#include "pki/certificate.h"

namespace postern::gateway {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

class ReservedAddressesTest : public EmsLab {
 protected:
  ReservedAddressesTest() : EmsLab("localhost") {}
  void SetUp() override {
    ems_ = listen({{"postern-fabric/1", net::ClientCertificate::kAny}}, [this](const net::HttpRequest&) {
      return net::UpgradeDecision{{}, [this](net::WebSocketPtr socket) { ems_end_ = std::move(socket); }, {}};
    });
    context_.device.certificate_pem = pki::to_pem(device_.certificate);
    context_.device.key_pem = device_.key.to_pem();
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
    trust();
    pump();
    run_until([&] { return connected(); });
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

  ReservedAddresses addresses_{context_, channels_};
  pki::Identity device_ = pki::make_root("gateway", "o", day_, context_.random);
  net::WebSocketPtr ems_end_;
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
