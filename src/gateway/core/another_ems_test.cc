// Who speaks for an EMS: another one at its address, another tenant, one that is away or not trusted any more.
#include "gateway/core/gateway_core_lab.h"

namespace postern::gateway {
namespace {

TEST_F(GatewayCoreLab, AnotherEmsAtTheSameAddressStopsTheConnector) {
  connect();
  ems_.upsert(endpoint({495}));
  core_.on_disconnected(clock_.now(), 1, "gone");
  tick(std::chrono::seconds(40));
  take<act::Send>();
  ems_.authorise("PSTEMS9999999999");
  EXPECT_TRUE(core_.connectors().at(1).mismatched_serial);
  core_.take_actions();
  ems_.snapshot();
  EXPECT_TRUE(core_.slots().contains(leaf('a')));  // what was known goes on until its threshold
  for (const auto& send : take<act::Send>()) ADD_FAILURE() << send.bytes.size();
  EXPECT_TRUE(take<act::Connect>().empty());

  // An administrator names a third one: the one that answers is still not it.
  const auto pin = [&](const char* serial) {
    core_.set_connectors(clock_.now(), {{1, true, "EMS", "10.0.2.10", 8443, Seconds(180), EmsSerial(serial)}});
  };
  pin("PSTEMS0000000003");
  EXPECT_EQ(take<act::Connect>().size(), 1u);
  ems_.authorise("PSTEMS9999999999");
  EXPECT_TRUE(core_.connectors().at(1).mismatched_serial);
  // The one that answers is taken: it connects, and its word counts.
  take<act::Connect>();
  pin("PSTEMS9999999999");
  EXPECT_FALSE(core_.connectors().at(1).other_ems());
  EXPECT_EQ(take<act::Connect>().size(), 1u);
  ems_.authorise("PSTEMS9999999999");
  EXPECT_FALSE(core_.connectors().at(1).other_ems());
  EXPECT_FALSE(take<act::Send>().empty());
  ems_.snapshot();
  EXPECT_TRUE(core_.connectors().at(1).client->synchronised());
  // The wrong one, while it is connected.
  pin("PSTEMS0000000003");
  EXPECT_TRUE(core_.connectors().at(1).mismatched_serial);
  EXPECT_FALSE(core_.connectors().at(1).client->connected());
}

TEST_F(GatewayCoreLab, AStopByAnotherEmsEndsWithWhatItWasSaidOf) {
  const auto& c = core_.connectors().at(1);
  const auto original = c.settings;
  const auto use = [&](const ConnectorSettings& settings) {
    core_.set_connectors(clock_.now(), {settings});
    core_.set_trusted(clock_.now(), 1, true);
  };
  auto wrong = original;
  wrong.expected_serial = EmsSerial("PSTEMS0000000002");
  const auto stop = [&] {
    use(wrong);
    ems_.authorise();
    ASSERT_TRUE(c.mismatched_serial);
    EXPECT_EQ(c.client->status().ems_serial.str(), "PSTEMS0123456789");
    take<act::Connect>();
  };
  const auto tries_anew = [&](const char* what) {
    EXPECT_FALSE(c.other_ems()) << what;
    EXPECT_EQ(take<act::Connect>().size(), 1u) << what;
    ems_.authorise();
    EXPECT_TRUE(c.mismatched_serial) << what;
    EXPECT_EQ(c.client->status().ems_serial.str(), "PSTEMS0123456789") << what;
  };
  connect();
  stop();
  auto elsewhere = wrong;
  elsewhere.server = "10.0.2.99";
  use(elsewhere);
  EXPECT_FALSE(c.other_ems()) << "nobody has answered there";
  core_.on_disconnected(clock_.now(), 1, "timed out");
  take<act::Connect>();
  use(wrong);
  tries_anew("another server, and back");

  elsewhere = wrong;
  elsewhere.port = 9;
  use(elsewhere);
  tries_anew("another port");
  use(wrong);
  stop();

  elsewhere = wrong;
  elsewhere.enabled = false;
  use(elsewhere);
  EXPECT_FALSE(c.other_ems());
  take<act::Connect>();
  use(wrong);
  tries_anew("disabled and enabled");

  core_.take_actions();
  core_.forget(clock_.now(), 1);
  tries_anew("forgotten");
  core_.take_actions();
  core_.reconnect(clock_.now(), 1);
  tries_anew("connected anew");
}

TEST_F(GatewayCoreLab, WhoIsAwayIsNotAnotherEms) {
  connect();
  core_.on_disconnected(clock_.now(), 1, "gone");
  take<act::Connect>();
  auto settings = core_.connectors().at(1).settings;
  const auto& c = core_.connectors().at(1);
  const auto still_away = [&](const char* what) {
    core_.set_connectors(clock_.now(), {settings});
    EXPECT_EQ(take<act::Connect>().size(), 1u) << what << ": tried at once";
    core_.on_disconnected(clock_.now(), 1, "timed out");
    EXPECT_FALSE(c.other_ems()) << what;
    tick(std::chrono::seconds(40));
    EXPECT_EQ(take<act::Connect>().size(), 1u) << what << ": tried again";
    core_.on_disconnected(clock_.now(), 1, "timed out");
  };
  settings.expected_serial = EmsSerial("PSTEMS0000000002");
  still_away("another serial number");
  settings.expected_tenant = TenantId(std::string(32, 'b'));
  still_away("another tenant");
  tick(std::chrono::seconds(40));
  ems_.authorise("PSTEMS0000000002", std::string(32, 'b'));
  EXPECT_FALSE(c.other_ems()) << "the one that was expected came";
  EXPECT_TRUE(c.client->connected());
}

TEST_F(GatewayCoreLab, AnotherTenantOfTheSameEmsStopsTheConnector) {
  const std::string before(32, 'a'), other(32, 'b');
  const auto pin = [&](const std::string& tenant) {
    core_.set_connectors(clock_.now(), {{1, true, "EMS", "10.0.2.10", 8443, Seconds(180), {}, TenantId(tenant)}});
  };
  const auto again = [&] {
    core_.on_disconnected(clock_.now(), 1, "gone");
    tick(std::chrono::seconds(40));
  };
  connect();  // names no tenant
  again();
  take<act::PinEms>();
  ems_.authorise("PSTEMS0123456789", before);
  const auto pins = take<act::PinEms>();
  ASSERT_EQ(pins.size(), 1u);
  EXPECT_EQ(pins[0].serial.str(), "PSTEMS0123456789");
  EXPECT_EQ(pins[0].tenant.str(), before);
  again();
  ems_.authorise("PSTEMS0123456789", std::string(32, 'A'));
  EXPECT_FALSE(core_.connectors().at(1).other_ems()) << "hex digits are the same in any case";
  again();
  ems_.authorise("PSTEMS0123456789", other);
  EXPECT_TRUE(core_.connectors().at(1).mismatched_tenant);
  EXPECT_FALSE(core_.connectors().at(1).mismatched_serial);
  EXPECT_FALSE(core_.connectors().at(1).client->connected());
  pin(other);
  ems_.authorise("PSTEMS0123456789", other);
  EXPECT_FALSE(core_.connectors().at(1).other_ems());
  EXPECT_TRUE(core_.connectors().at(1).client->connected());
  again();
  ems_.authorise("PSTEMS0123456789");
  EXPECT_TRUE(core_.connectors().at(1).mismatched_tenant) << "naming none is not naming the one pinned";
}

TEST_F(GatewayCoreLab, TrustTakenBackDeniesAtOnceAnOutageDoesNot) {
  const auto granted = [&] { return !core_.slots().empty() && !core_.addresses().empty(); };
  const auto again = [&] {
    clock_.advance(std::chrono::seconds(10));  // past any back-off after a goodbye
    core_.on_tick(clock_.now());
    ems_.authorise();
    ems_.snapshot();
    network_answers();
    ASSERT_TRUE(granted());
  };
  connect();
  ems_.upsert(endpoint({495}));
  ASSERT_TRUE(granted());
  ems_.withdraw(wire::FabricStatus::PENDING);
  EXPECT_FALSE(granted());
  again();
  ems_.withdraw(wire::FabricStatus::REFUSED);
  EXPECT_FALSE(granted());
  again();
  ems_.say_goodbye("shutting_down");
  EXPECT_TRUE(granted());
  again();
  ems_.say_goodbye("removed");
  EXPECT_FALSE(granted());
  again();
  core_.set_trusted(clock_.now(), 1, false);  // its certificate changed: what is known counts until the threshold
  EXPECT_TRUE(granted());
  core_.forget(clock_.now(), 1);
  EXPECT_FALSE(granted());
}

TEST_F(GatewayCoreLab, AnotherAddressForTheConnectorForgetsTheOldEms) {
  connect();
  ems_.upsert(endpoint({495}));
  core_.set_connectors(clock_.now(), {{1, true, "EMS", "10.0.2.99", 8443, Seconds(180), {}}});
  EXPECT_TRUE(core_.slots().empty());
  EXPECT_TRUE(core_.addresses().empty());
  EXPECT_FALSE(core_.connectors().at(1).trusted);
}

TEST_F(GatewayCoreLab, AMistypedPortIsAnOutageAnotherServerIsAnotherEms) {
  connect();
  ems_.upsert(endpoint({70, 495}));
  const auto use = [&](const char* server, std::uint16_t port) {
    auto settings = core_.connectors().at(1).settings;
    settings.server = server;
    settings.port = port;
    core_.set_connectors(clock_.now(), {settings});
  };
  const auto server = core_.connectors().at(1).settings.server;
  use(server.c_str(), 9);
  EXPECT_FALSE(take<act::Connect>().empty());
  EXPECT_TRUE(core_.connectors().at(1).trusted);
  EXPECT_TRUE(core_.slots().contains(leaf('a')));
  EXPECT_EQ(core_.addresses().size(), 1u);
  tick(Seconds(181));
  EXPECT_TRUE(core_.addresses().empty()) << "as after any outage";
  use("ems2.example", 9);
  EXPECT_FALSE(core_.connectors().at(1).trusted);
  EXPECT_FALSE(core_.slots().contains(leaf('a')));
}

}  // namespace
}  // namespace postern::gateway
