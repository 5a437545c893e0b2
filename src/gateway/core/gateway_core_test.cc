#include "gateway/core/gateway_core.h"

#include <gtest/gtest.h>

#include "proto/deflate.h"
#include "wire/fabric.pb.h"

namespace postern::gateway {
namespace {

using wire::FabricFrame;

constexpr char kUid[] = "9A016B5A6E914B42AD4168C066EB04CA";
const MacAddress kGatewayMac = *MacAddress::parse("02:09:0f:00:01:01");
const MacAddress kEndpointMac = *MacAddress::parse("02:09:0f:00:01:02");

std::string raw(const MacAddress& mac) { return std::string(mac.bytes().begin(), mac.bytes().end()); }
std::string raw(const IpAddress& ip) { return std::string(ip.bytes().begin(), ip.bytes().begin() + 4); }
IpAddress ip(const char* text) { return *IpAddress::parse(text); }
Sha256 leaf(char fill) {
  Sha256 d;
  d.fill(static_cast<std::uint8_t>(fill));
  return d;
}

/// The EMS's end of one connection, as simple as can be: it holds a view and says what changed.
class FakeEms {
 public:
  explicit FakeEms(GatewayCore& core, Clock& clock, ConnectorId id = 1) : core_(core), clock_(clock), id_(id) {}

  void authorise(const char* serial = "PSTEMS0123456789", const std::string& tenant = {}) {
    core_.on_connected(clock_.now(), id_);
    FabricFrame f;
    f.mutable_status()->set_state(wire::FabricStatus::AUTHORISED);
    f.mutable_status()->set_ems_serial(serial);
    f.mutable_status()->set_tenant_id(tenant);
    send(f);
  }
  void withdraw(wire::FabricStatus::State state) {
    FabricFrame f;
    f.mutable_status()->set_state(state);
    f.mutable_status()->set_ems_serial("PSTEMS0123456789");
    send(f);
  }
  void say_goodbye(const char* reason) {
    FabricFrame f;
    f.mutable_goodbye()->set_reason(reason);
    send(f);
  }
  void tag(std::uint32_t id, const char* name) {
    wire::TagInfo t;
    t.set_id(id);
    t.set_name(name);
    t.set_kind("security");
    tags_.push_back(t);
    view_.upsert_tag(id, t.SerializeAsString());
  }
  void snapshot() {
    ++revision_;
    FabricFrame f;
    auto& begin = *f.mutable_snapshot_begin();
    begin.set_epoch(1);
    begin.set_revision(revision_);
    begin.set_count(static_cast<std::uint32_t>(view_.entries().size()));
    for (const auto& t : tags_) *begin.add_tags() = t;
    send(f);
    wire::ViewEntryList list;
    for (const auto& [uid, entry] : view_.entries()) list.add_entries(entry);
    f.mutable_snapshot_chunk()->set_zlib(proto::deflate_text(list.SerializeAsString()));
    send(f);
    f.mutable_snapshot_end()->set_revision(revision_);
    f.mutable_snapshot_end()->set_digest(std::string(as_text(view_.digest())));
    send(f);
  }
  void upsert(const wire::ViewEntry& entry) {
    view_.upsert(EndpointUid(entry.record().uid()), entry.SerializeAsString());
    FabricFrame f;
    auto& d = *f.mutable_delta();
    d.set_from_revision(revision_);
    d.set_to_revision(++revision_);
    d.add_upserts(entry.SerializeAsString());
    d.set_count(static_cast<std::uint32_t>(view_.entries().size()));
    d.set_digest(std::string(as_text(view_.digest())));
    send(f);
  }
  void answer(std::uint64_t request, wire::CertificateAnswer::State state) {
    FabricFrame f;
    f.mutable_certificate_answer()->set_request_id(request);
    f.mutable_certificate_answer()->set_state(state);
    f.mutable_certificate_answer()->set_uid(kUid);
    send(f);
  }
  void pong() {
    FabricFrame f;
    f.mutable_pong();
    send(f);
  }
  void send(const FabricFrame& frame) {
    const auto text = frame.SerializeAsString();
    core_.on_frame(clock_.now(), id_, as_bytes(text));
  }
  proto::View view_;

 private:
  GatewayCore& core_;
  Clock& clock_;
  ConnectorId id_;
  std::vector<wire::TagInfo> tags_;
  std::uint64_t revision_ = 10;
};

wire::ViewEntry endpoint(std::vector<std::uint32_t> tags, std::vector<std::uint32_t> unknown = {}) {
  wire::ViewEntry e;
  auto& r = *e.mutable_record();
  r.set_uid(kUid);
  r.set_online(true);
  r.set_registered(true);
  r.set_public_ip(raw(ip("10.0.1.2")));
  auto& c = *r.add_certificates();
  c.set_sha256(std::string(32, 'a'));
  c.set_serial("1D3D");
  c.set_not_after_ms(1'900'000'000'000);
  auto& i = *r.add_interfaces();
  i.set_name("eth0");
  i.set_up(true);
  i.set_mac(raw(kEndpointMac));
  i.add_addresses(raw(ip("10.0.1.2")));
  auto& route = *r.add_routes();
  route.set_interface("eth0");
  route.set_gateway_mac(raw(kGatewayMac));
  for (const auto t : tags) r.add_tags(t);
  for (const auto t : unknown) r.add_unknown_tags(t);
  e.set_share_connected(true);
  return e;
}

class GatewayCoreTest : public testing::Test {
 protected:
  GatewayCoreTest() : core_({GatewaySerial("PGW0123456789ABC"), "gw", "0.1", ""}, random_), ems_(core_, clock_) {
    core_.set_interfaces({{"port1", kGatewayMac, {{ip("10.0.1.1"), 24}}}});
    core_.set_policy_tags({"EMS1_ZTNA_Telemetry-Connected"});
    core_.set_connectors(clock_.now(), {{1, true, "EMS", "10.0.2.10", 8443, Seconds(180), {}}});
    core_.set_trusted(clock_.now(), 1, true);
  }
  void connect() {
    ems_.authorise();
    ems_.tag(70, "all_registered_clients");
    ems_.tag(311, "Vulnerable-Device");
    ems_.tag(495, "Telemetry-Connected");
    ems_.snapshot();
    network_answers();
  }
  void network_answers() {
    core_.set_neighbour({"port1", ip("10.0.1.2")}, {Neighbour::State::kPresent, kEndpointMac});
  }
  template <class T>
  std::vector<T> take() {
    for (auto& a : core_.take_actions()) actions_.push_back(std::move(a));
    std::vector<T> out;
    for (auto& a : actions_) {
      if (auto* t = std::get_if<T>(&a)) out.push_back(*t);
    }
    actions_.clear();
    return out;
  }
  std::size_t bit(const char* name) { return core_.tags().find(name)->bit; }

  ManualClock clock_;
  SeededRandom random_{1};
  GatewayCore core_;
  FakeEms ems_;
  std::vector<act::Action> actions_;
};

TEST_F(GatewayCoreTest, ATagBecomesASlotAndAResolvedAddressAndGoesAgain) {
  connect();
  ems_.upsert(endpoint({70, 495}));
  const auto& slot = core_.slots().at(leaf('a'));
  EXPECT_TRUE(slot.tags[bit("EMS1_ZTNA_Telemetry-Connected")]);
  EXPECT_FALSE(slot.unknown[bit("EMS1_ZTNA_Vulnerable-Device")]);
  const auto& address = core_.addresses().at(ip("10.0.1.2"));
  EXPECT_TRUE(address.tags[bit("EMS1_ZTNA_all_registered_clients")]);
  EXPECT_TRUE(address.known[bit("EMS1_ZTNA_Vulnerable-Device")]);
  EXPECT_EQ(address.interface, "port1");
  take<act::SlotUpsert>();
  ems_.upsert(endpoint({70}));
  EXPECT_FALSE(core_.slots().at(leaf('a')).tags[bit("EMS1_ZTNA_Telemetry-Connected")]);
  EXPECT_FALSE(core_.addresses().at(ip("10.0.1.2")).tags[bit("EMS1_ZTNA_Telemetry-Connected")]);
  EXPECT_EQ(take<act::SlotUpsert>().size(), 1u);
}

TEST_F(GatewayCoreTest, WhatIsConfirmedIsPinnedAndLetGoBeforeTheNetworkIsAskedAgain) {
  connect();
  ems_.upsert(endpoint({70}));
  const auto pins = take<act::PinNeighbour>();
  ASSERT_EQ(pins.size(), 1u);
  EXPECT_EQ(pins[0].key, (NeighbourKey{"port1", ip("10.0.1.2")}));
  EXPECT_EQ(pins[0].mac, kEndpointMac);
  auto moved = endpoint({70});
  const auto card = *MacAddress::parse("02:09:0f:00:01:77");
  moved.mutable_record()->mutable_interfaces(0)->set_mac(raw(card));
  ems_.upsert(moved);
  std::vector<std::string> order;
  for (const auto& action : core_.take_actions()) {
    if (std::holds_alternative<act::UnpinNeighbour>(action)) order.push_back("unpin");
    if (std::holds_alternative<act::AskNeighbour>(action)) order.push_back("ask");
  }
  EXPECT_EQ(order, (std::vector<std::string>{"unpin", "ask"}));
  core_.set_neighbour({"port1", ip("10.0.1.2")}, {Neighbour::State::kPresent, card});
  EXPECT_EQ(take<act::PinNeighbour>().size(), 1u);
  EXPECT_EQ(core_.addresses().at(ip("10.0.1.2")).mac, card);
  core_.forget(clock_.now(), 1);  // an administrator takes the trust in the EMS back
  EXPECT_EQ(take<act::UnpinNeighbour>().size(), 1u);
}

TEST_F(GatewayCoreTest, AReservedAddressLeavesItsTagsAtOnceAndIsUnpinned) {
  connect();
  ems_.upsert(endpoint({70}));
  ASSERT_EQ(core_.addresses().size(), 1u);
  take<act::Lease>();
  core_.set_reserved({ip("10.0.1.2")});
  EXPECT_TRUE(core_.addresses().empty());
  EXPECT_EQ(take<act::UnpinNeighbour>().size(), 1u);
}

TEST_F(GatewayCoreTest, TooManyAddressesOfOneRecordAreToldOnce) {
  connect();
  auto e = endpoint({70});
  for (std::uint8_t i = 0; i < 100; ++i) {
    const auto last = static_cast<std::uint8_t>(100 + i);
    e.mutable_record()->mutable_interfaces(0)->add_addresses(raw(IpAddress::v4({10, 0, 1, last})));
  }
  take<act::Alert>();
  ems_.upsert(e);
  const auto alerts = take<act::Alert>();
  ASSERT_EQ(alerts.size(), 1u);
  EXPECT_EQ(alerts[0].event, "addresses.too_many");
  EXPECT_NE(alerts[0].message.find(kUid), std::string::npos);
  ems_.upsert(endpoint({70}));
  ems_.upsert(e);
  EXPECT_TRUE(take<act::Alert>().empty());
}

TEST_F(GatewayCoreTest, AnUnknownTagIsNeitherHeldNorKnown) {
  connect();
  ems_.upsert(endpoint({70}, {495}));
  const auto b = bit("EMS1_ZTNA_Telemetry-Connected");
  EXPECT_FALSE(core_.slots().at(leaf('a')).tags[b]);
  EXPECT_TRUE(core_.slots().at(leaf('a')).unknown[b]);
  EXPECT_FALSE(core_.addresses().at(ip("10.0.1.2")).known[b]);
}

TEST_F(GatewayCoreTest, ATagThatNoEmsDefinesIsUnknownForEverybody) {
  core_.set_policy_tags({"EMS1_ZTNA_Nobody-Knows"});
  connect();
  ems_.upsert(endpoint({70, 495}));
  EXPECT_TRUE(core_.slots().at(leaf('a')).unknown[bit("EMS1_ZTNA_Nobody-Knows")]);
}

TEST_F(GatewayCoreTest, OfflineQuarantinedAndBlockedLeaveEverySetButKeepTheirSlotForTheReason) {
  connect();
  ems_.upsert(endpoint({70, 495}));
  ASSERT_EQ(core_.addresses().size(), 1u);
  auto e = endpoint({70, 495});
  e.mutable_record()->set_quarantined(true);
  ems_.upsert(e);
  EXPECT_TRUE(core_.addresses().empty());
  EXPECT_TRUE(core_.slots().at(leaf('a')).quarantined);
}

TEST_F(GatewayCoreTest, TheEmsAwayPastTheThresholdIsDeniedAndSaidSoAndComesBack) {
  connect();
  ems_.upsert(endpoint({70, 495}));
  take<act::Alert>();
  clock_.advance(std::chrono::seconds(179));
  core_.on_tick(clock_.now());
  EXPECT_EQ(core_.addresses().size(), 1u);
  clock_.advance(std::chrono::seconds(2));
  core_.on_tick(clock_.now());
  EXPECT_TRUE(core_.addresses().empty());
  EXPECT_TRUE(core_.connectors().at(1).stale);
  EXPECT_EQ(take<act::Alert>().back().event, "connector.stale");
  clock_.advance(std::chrono::seconds(60));
  core_.on_tick(clock_.now());
  ems_.authorise();
  ems_.snapshot();
  EXPECT_FALSE(core_.connectors().at(1).stale);
  EXPECT_TRUE(core_.addresses().empty());  // the network is asked anew
  network_answers();
  EXPECT_EQ(core_.addresses().size(), 1u);
}

TEST_F(GatewayCoreTest, WhatArrivesAfterAStandstillDoesNotMakeOldRecordsValidAgain) {
  connect();
  ems_.upsert(endpoint({70, 495}));
  ASSERT_EQ(core_.addresses().size(), 1u);
  take<act::ConnectorValid>();
  // The process stood still past the threshold; what the EMS sent before waits in the socket and is read first.
  clock_.advance(std::chrono::seconds(200));
  auto e = endpoint({70});
  ems_.upsert(e);
  EXPECT_TRUE(take<act::ConnectorValid>().empty());
  core_.on_tick(clock_.now());
  EXPECT_TRUE(core_.connectors().at(1).stale);
  ems_.upsert(endpoint({70, 495}));
  EXPECT_TRUE(core_.connectors().at(1).stale);
  EXPECT_TRUE(core_.addresses().empty());
}

TEST_F(GatewayCoreTest, AShorterThresholdHoldsAtOnceAlsoWhileTheEmsIsSilent) {
  connect();
  ems_.upsert(endpoint({70, 495}));
  ASSERT_EQ(core_.addresses().size(), 1u);
  core_.set_connectors(clock_.now(), {{1, true, "EMS", "10.0.2.10", 8443, Seconds(10), {}}});
  clock_.advance(std::chrono::milliseconds(9'900));
  core_.on_tick(clock_.now());
  EXPECT_FALSE(core_.connectors().at(1).stale);
  clock_.advance(std::chrono::milliseconds(200));
  core_.on_tick(clock_.now());
  EXPECT_TRUE(core_.connectors().at(1).stale);
  EXPECT_TRUE(core_.addresses().empty());
}

TEST_F(GatewayCoreTest, ACertificateNotMetYetIsAskedForOnceAndTheRecordComesBeforeTheAnswer) {
  connect();
  core_.on_unknown_certificate(clock_.now(), leaf('a'));
  core_.on_unknown_certificate(clock_.now(), leaf('a'));
  std::uint64_t request = 0;
  int asks = 0;
  for (const auto& send : take<act::Send>()) {
    FabricFrame f;
    ASSERT_TRUE(f.ParseFromArray(send.bytes.data(), static_cast<int>(send.bytes.size())));
    if (!f.has_ask_certificate()) continue;
    ++asks;
    request = f.ask_certificate().request_id();
  }
  ASSERT_EQ(asks, 1);
  auto e = endpoint({495});
  e.set_share_connected(false);
  e.set_asked(true);
  ems_.upsert(e);
  ems_.answer(request, wire::CertificateAnswer::FOUND);
  EXPECT_EQ(take<act::Answer>().at(0).verdict, CertificateVerdict::kFound);
  EXPECT_TRUE(core_.slots().contains(leaf('a')));
  EXPECT_TRUE(core_.addresses().empty());  // a ZTNA connection resolves no address
}

TEST_F(GatewayCoreTest, AnUnknownCertificateIsRememberedForAWhileOnly) {
  connect();
  core_.on_unknown_certificate(clock_.now(), leaf('z'));
  ems_.answer(1, wire::CertificateAnswer::UNKNOWN);
  EXPECT_EQ(take<act::Answer>().at(0).verdict, CertificateVerdict::kUnknown);
  core_.on_unknown_certificate(clock_.now(), leaf('z'));
  EXPECT_EQ(take<act::Answer>().at(0).verdict, CertificateVerdict::kUnknown);
  clock_.advance(std::chrono::seconds(6));
  core_.on_tick(clock_.now());
  take<act::Answer>();
  core_.on_unknown_certificate(clock_.now(), leaf('z'));
  EXPECT_TRUE(take<act::Answer>().empty());
}

TEST_F(GatewayCoreTest, AskingWithoutAnEmsIsAnsweredAtOnce) {
  core_.on_unknown_certificate(clock_.now(), leaf('z'));
  EXPECT_EQ(take<act::Answer>().at(0).verdict, CertificateVerdict::kUnavailable);
}

TEST_F(GatewayCoreTest, AnAskedRecordIsReleasedTenMinutesAfterItsLastSession) {
  connect();
  core_.on_unknown_certificate(clock_.now(), leaf('a'));
  auto e = endpoint({495});
  e.set_share_connected(false);
  e.set_asked(true);
  ems_.upsert(e);
  ems_.answer(1, wire::CertificateAnswer::FOUND);
  core_.on_session(clock_.now(), leaf('a'), +1);
  const auto released = [&] {
    for (const auto& send : take<act::Send>()) {
      FabricFrame f;
      if (f.ParseFromArray(send.bytes.data(), static_cast<int>(send.bytes.size())) && f.has_release_endpoint())
        return true;
    }
    return false;
  };
  const auto wait = [&](int seconds) {
    bool seen = false;
    for (int i = 0; i < seconds; ++i) {
      clock_.advance(std::chrono::seconds(1));
      ems_.pong();
      core_.on_tick(clock_.now());
      seen = released() || seen;
    }
    return seen;
  };
  EXPECT_FALSE(wait(700));
  core_.on_session(clock_.now(), leaf('a'), -1);
  EXPECT_FALSE(wait(590));
  EXPECT_TRUE(wait(20));
}

TEST_F(GatewayCoreTest, AnotherEmsAtTheSameAddressStopsTheConnector) {
  connect();
  ems_.upsert(endpoint({495}));
  core_.on_disconnected(clock_.now(), 1, "gone");
  clock_.advance(std::chrono::seconds(40));
  core_.on_tick(clock_.now());
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

TEST_F(GatewayCoreTest, AnotherTenantOfTheSameEmsStopsTheConnector) {
  const std::string before(32, 'a'), other(32, 'b');
  const auto pin = [&](const std::string& tenant) {
    core_.set_connectors(clock_.now(), {{1, true, "EMS", "10.0.2.10", 8443, Seconds(180), {}, TenantId(tenant)}});
  };
  const auto again = [&] {
    core_.on_disconnected(clock_.now(), 1, "gone");
    clock_.advance(std::chrono::seconds(40));
    core_.on_tick(clock_.now());
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

TEST_F(GatewayCoreTest, TrustTakenBackDeniesAtOnceAnOutageDoesNot) {
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

TEST_F(GatewayCoreTest, AnotherAddressForTheConnectorForgetsTheOldEms) {
  connect();
  ems_.upsert(endpoint({495}));
  core_.set_connectors(clock_.now(), {{1, true, "EMS", "10.0.2.99", 8443, Seconds(180), {}}});
  EXPECT_TRUE(core_.slots().empty());
  EXPECT_TRUE(core_.addresses().empty());
  EXPECT_FALSE(core_.connectors().at(1).trusted);
}

TEST_F(GatewayCoreTest, WhatWasKeptAcrossARestartCountsUntilItsDeadlineOnly) {
  connect();
  ems_.upsert(endpoint({495}));
  const auto view = core_.connectors().at(1).client->view();
  GatewayCore again({GatewaySerial("PGW0123456789ABC"), "gw", "0.1", ""}, random_);
  again.set_interfaces({{"port1", kGatewayMac, {{ip("10.0.1.1"), 24}}}});
  again.set_neighbour({"port1", ip("10.0.1.2")}, {Neighbour::State::kPresent, kEndpointMac});
  again.set_connectors(clock_.now(), {{1, true, "EMS", "10.0.2.10", 8443, Seconds(180), {}}});
  again.restore(1, 1, 11, view, clock_.now().mono + std::chrono::seconds(30));
  again.on_tick(clock_.now());
  EXPECT_EQ(again.addresses().size(), 1u);
  EXPECT_TRUE(again.slots().contains(leaf('a')));
  clock_.advance(std::chrono::seconds(31));
  again.on_tick(clock_.now());
  EXPECT_TRUE(again.addresses().empty());
}

TEST_F(GatewayCoreTest, AfterAStandstillTheLeaseWaitsUntilTheEmsWasHeardAgain) {
  connect();
  ems_.upsert(endpoint({70, 495}));
  const auto tick = [&](std::chrono::milliseconds later) {
    clock_.advance(later);
    core_.on_tick(clock_.now());
  };
  const auto ping = [&] {
    std::uint64_t id = 0;
    for (const auto& action : core_.take_actions()) {
      const auto* send = std::get_if<act::Send>(&action);
      FabricFrame f;
      if (send != nullptr && f.ParseFromArray(send->bytes.data(), static_cast<int>(send->bytes.size())) && f.has_ping()) {
        id = f.ping().id();
      }
    }
    return id;
  };
  tick(Seconds(1));
  take<act::Lease>();
  // As long as the lease lasts, nothing was denied meanwhile.
  tick(GatewayCore::kLease);
  EXPECT_EQ(take<act::Lease>().size(), 1u);
  tick(GatewayCore::kLease + Seconds(1));
  const auto asked = ping();
  ASSERT_NE(asked, 0u) << "it asks at once";
  // What the EMS sent before comes first, and is no answer.
  ems_.upsert(endpoint({70}));
  tick(Seconds(1));
  EXPECT_TRUE(take<act::Lease>().empty());
  FabricFrame answer;
  answer.mutable_pong()->set_id(asked);
  ems_.send(answer);
  tick(std::chrono::milliseconds(100));
  EXPECT_EQ(take<act::Lease>().size(), 1u);
  tick(Seconds(1));
  EXPECT_EQ(take<act::Lease>().size(), 1u);
}

TEST_F(GatewayCoreTest, AMistypedPortIsAnOutageAnotherServerIsAnotherEms) {
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
  clock_.advance(Seconds(181));
  core_.on_tick(clock_.now());
  EXPECT_TRUE(core_.addresses().empty()) << "as after any outage";
  use("ems2.example", 9);
  EXPECT_FALSE(core_.connectors().at(1).trusted);
  EXPECT_FALSE(core_.slots().contains(leaf('a')));
}

TEST_F(GatewayCoreTest, AfterAStandstillAnEmsThatIsAwayIsNotWaitedForForever) {
  connect();
  ems_.upsert(endpoint({70, 495}));
  core_.on_tick(clock_.now());
  core_.on_disconnected(clock_.now(), 1, "gone");
  take<act::Lease>();
  clock_.advance(GatewayCore::kLease + Seconds(1));
  Seconds waited{0};
  for (core_.on_tick(clock_.now()); take<act::Lease>().empty(); ++waited) {
    ASSERT_LT(waited, Seconds(60));
    clock_.advance(Seconds(1));
    core_.on_tick(clock_.now());
  }
  EXPECT_EQ(waited, GatewayCore::kCatchUp);
  EXPECT_EQ(core_.addresses().size(), 1u) << "what is held counts for as long as in any other outage";
}

TEST_F(GatewayCoreTest, RenewsTheLeaseEachSecond) {
  take<act::Lease>();
  for (int i = 0; i < 30; ++i) {
    clock_.advance(std::chrono::milliseconds(100));
    core_.on_tick(clock_.now());
  }
  const auto leases = take<act::Lease>();
  EXPECT_EQ(leases.size(), 3u);
  EXPECT_EQ(leases.back().until, clock_.now().mono + std::chrono::seconds(5));
}

TEST_F(GatewayCoreTest, TellsTheEmsOfItsSessionsAndDecisionsOnceTheyAreKnown) {
  const auto reports = [&] {
    std::vector<wire::SessionReport> out;
    clock_.advance(Seconds(1));
    core_.on_tick(clock_.now());
    for (const auto& action : core_.take_actions()) {
      const auto* send = std::get_if<act::Send>(&action);
      FabricFrame frame;
      if (send == nullptr || !frame.ParseFromArray(send->bytes.data(), static_cast<int>(send->bytes.size()))) continue;
      if (frame.has_session_report()) out.push_back(frame.session_report());
    }
    return out;
  };
  ems_.authorise();
  ems_.snapshot();
  EXPECT_TRUE(reports().empty());  // the data plane has not been asked yet
  const auto began = to_unix_ms(clock_.now().wall);
  core_.set_decisions(clock_.now(), {});
  core_.on_session(clock_.now(), leaf('a'), +3);
  core_.on_session(clock_.now(), leaf('b'), +1);
  auto said = reports();
  ASSERT_EQ(said.size(), 1u);
  EXPECT_EQ(said[0].live_sessions(), 4u);
  EXPECT_EQ(said[0].allowed(), 0u);
  EXPECT_EQ(said[0].counted_since_ms(), began);
  // A worker ends with all its sessions.
  core_.on_session(clock_.now(), leaf('a'), -3);
  core_.set_decisions(clock_.now(), {7, 2, 1, 9});
  said = reports();
  ASSERT_EQ(said.size(), 1u);
  EXPECT_EQ(core_.live_sessions(), 1u);
  EXPECT_EQ(said[0].live_sessions(), 1u);
  EXPECT_EQ(said[0].allowed(), 7u);
  EXPECT_EQ(said[0].denied(), 2u);
  EXPECT_EQ(said[0].cut(), 1u);
  EXPECT_EQ(said[0].uncounted(), 9u);
  EXPECT_EQ(said[0].counted_since_ms(), began);
  EXPECT_TRUE(reports().empty());
}

}  // namespace
}  // namespace postern::gateway
