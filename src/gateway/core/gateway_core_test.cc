#include "gateway/core/gateway_core_lab.h"

namespace postern::gateway {
namespace {

TEST_F(GatewayCoreLab, ATagBecomesASlotAndAResolvedAddressAndGoesAgain) {
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

TEST_F(GatewayCoreLab, WhatIsConfirmedIsPinnedAndLetGoBeforeTheNetworkIsAskedAgain) {
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

TEST_F(GatewayCoreLab, AReservedAddressLeavesItsTagsAtOnceAndIsUnpinned) {
  connect();
  ems_.upsert(endpoint({70}));
  ASSERT_EQ(core_.addresses().size(), 1u);
  take<act::Lease>();
  core_.set_reserved({ip("10.0.1.2")});
  EXPECT_TRUE(core_.addresses().empty());
  EXPECT_EQ(take<act::UnpinNeighbour>().size(), 1u);
}

TEST_F(GatewayCoreLab, TooManyAddressesOfOneRecordAreToldOnce) {
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

TEST_F(GatewayCoreLab, AnUnknownTagIsNeitherHeldNorKnown) {
  connect();
  ems_.upsert(endpoint({70}, {495}));
  const auto b = bit("EMS1_ZTNA_Telemetry-Connected");
  EXPECT_FALSE(core_.slots().at(leaf('a')).tags[b]);
  EXPECT_TRUE(core_.slots().at(leaf('a')).unknown[b]);
  EXPECT_FALSE(core_.addresses().at(ip("10.0.1.2")).known[b]);
}

TEST_F(GatewayCoreLab, ATagThatNoEmsDefinesIsUnknownForEverybody) {
  core_.set_policy_tags({"EMS1_ZTNA_Nobody-Knows"});
  connect();
  ems_.upsert(endpoint({70, 495}));
  EXPECT_TRUE(core_.slots().at(leaf('a')).unknown[bit("EMS1_ZTNA_Nobody-Knows")]);
}

TEST_F(GatewayCoreLab, WhoIsSignedInHasBitsAndAChangeOfUserIsAChangeOfTheSlot) {
  core_.set_users({{"user alice", {"alice"}}, {"user CORP\\bob", {"CORP\\bob"}}, {"group staff", {"alice", "CORP\\bob"}}});
  core_.set_policy_tags({"user alice", "user CORP\\bob", "group staff"});
  connect();
  const auto sign_in = [&](const char* user) {
    auto e = endpoint({70});
    e.mutable_record()->set_last_login_user(user);
    take<act::SlotUpsert>();
    ems_.upsert(e);
    return take<act::SlotUpsert>().size();
  };
  // Of alice, CORP\bob and staff: + has, - has not, ? unknown.
  const auto is = [&] {
    std::string out;
    const auto& slot = core_.slots().at(leaf('a'));
    for (const auto* name : {"user alice", "user CORP\\bob", "group staff"}) {
      out += slot.tags[bit(name)] ? '+' : slot.unknown[bit(name)] ? '?' : '-';
    }
    return out;
  };
  sign_in("");
  EXPECT_EQ(is(), "???") << "nobody says who it is";
  EXPECT_EQ(sign_in("Alice"), 1u);
  EXPECT_EQ(is(), "+-+");
  EXPECT_EQ(sign_in("CORP\\bob"), 1u);
  EXPECT_EQ(is(), "-++");
  EXPECT_EQ(sign_in("bob"), 1u);
  EXPECT_EQ(is(), "-??");
  EXPECT_EQ(sign_in("carol"), 1u);
  EXPECT_EQ(is(), "---");
}

TEST_F(GatewayCoreLab, OfflineQuarantinedAndBlockedLeaveEverySetButKeepTheirSlotForTheReason) {
  connect();
  ems_.upsert(endpoint({70, 495}));
  ASSERT_EQ(core_.addresses().size(), 1u);
  auto e = endpoint({70, 495});
  e.mutable_record()->set_quarantined(true);
  ems_.upsert(e);
  EXPECT_TRUE(core_.addresses().empty());
  EXPECT_TRUE(core_.slots().at(leaf('a')).quarantined);
}

TEST_F(GatewayCoreLab, ThatAViewChangedIsSaidBeforeWhatFollows) {
  connect();
  ems_.upsert(endpoint({70, 495}));
  core_.take_actions();
  ems_.upsert(endpoint({70}));
  bool saved = false, changed = false;
  for (const auto& action : core_.take_actions()) {
    saved = saved || std::holds_alternative<act::SaveView>(action);
    if (!std::holds_alternative<act::SlotUpsert>(action)) continue;
    changed = true;
    EXPECT_TRUE(saved);
  }
  EXPECT_TRUE(changed);
}

TEST_F(GatewayCoreLab, ACertificateNotMetYetIsAskedForOnceAndTheRecordComesBeforeTheAnswer) {
  connect();
  core_.on_unknown_certificate(clock_.now(), leaf('a'));
  core_.on_unknown_certificate(clock_.now(), leaf('a'));
  std::uint64_t request = 0;
  int asks = 0;
  for (const auto& f : take_frames()) {
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

TEST_F(GatewayCoreLab, ARevokedCertificateThatIsAskedForHasARecordThatSaysSo) {
  connect();
  core_.on_unknown_certificate(clock_.now(), leaf('a'));
  auto e = endpoint({});
  e.set_share_connected(false);
  e.set_asked(true);
  e.mutable_record()->set_blocked(true);
  ems_.upsert(e);
  ems_.answer(1, wire::CertificateAnswer::REVOKED);
  EXPECT_EQ(take<act::Answer>().at(0).verdict, CertificateVerdict::kFound);
  EXPECT_TRUE(core_.slots().at(leaf('a')).blocked);
  EXPECT_TRUE(core_.addresses().empty());
}

TEST_F(GatewayCoreLab, WhoIsRefusedIsKeptAsLongAsItsLastCertificateLastsAndNoLonger) {
  connect();
  const auto expires = clock_.now().wall + Seconds(4);
  auto e = endpoint({495});
  e.mutable_record()->mutable_certificates(0)->set_not_after_ms(to_unix_ms(expires));
  auto& older = *e.mutable_record()->add_certificates();
  older.set_sha256(std::string(as_text(leaf('b'))));
  older.set_not_after_ms(to_unix_ms(clock_.now().wall + Seconds(1)));
  // Let in, an expired one keeps its slot: it says why.
  ems_.upsert(e);
  tick(Seconds(2));
  EXPECT_EQ(core_.slots().size(), 2u);
  e.mutable_record()->set_blocked(true);
  ems_.upsert(e);
  tick(Seconds(1));
  EXPECT_EQ(core_.slots().size(), 2u);
  EXPECT_TRUE(core_.slots().at(leaf('b')).blocked);
  take<act::SlotRemove>();
  // The EMS may be away then: the gateway needs nobody for it.
  tick(Seconds(1));
  EXPECT_EQ(take<act::SlotRemove>().size(), 2u);
  EXPECT_TRUE(core_.slots().empty() && core_.records().empty());
  // Said anew it goes again; and registered again it is as any other.
  e.mutable_record()->set_host_name("laptop");
  ems_.upsert(e);
  EXPECT_EQ(core_.slots().size(), 2u);
  tick(Seconds(1));
  EXPECT_TRUE(core_.slots().empty());
  e.mutable_record()->set_blocked(false);
  ems_.upsert(e);
  tick(Seconds(4));
  EXPECT_EQ(core_.slots().size(), 2u);
}

TEST_F(GatewayCoreLab, OfWhomNoRecordIsLeftTheEmsNeedsToKeepNone) {
  connect();
  core_.on_unknown_certificate(clock_.now(), leaf('a'));
  auto e = endpoint({});
  e.set_share_connected(false);
  e.set_asked(true);
  e.mutable_record()->set_blocked(true);
  e.mutable_record()->mutable_certificates(0)->set_not_after_ms(to_unix_ms(clock_.now().wall + Seconds(2)));
  ems_.upsert(e);
  ems_.answer(1, wire::CertificateAnswer::REVOKED);
  const auto released = [&] {
    int n = 0;
    for (const auto& frame : take_frames()) n += frame.has_release_endpoint();
    return n;
  };
  tick(Seconds(1));
  EXPECT_EQ(released(), 0);
  tick(Seconds(1));
  EXPECT_EQ(released(), 1);
  tick(Seconds(1));
  EXPECT_EQ(released(), 0);
  EXPECT_TRUE(core_.connectors().at(1).client->asked().empty());
}

TEST_F(GatewayCoreLab, AnUnknownCertificateIsRememberedForAWhileOnly) {
  connect();
  core_.on_unknown_certificate(clock_.now(), leaf('z'));
  ems_.answer(1, wire::CertificateAnswer::UNKNOWN);
  EXPECT_EQ(take<act::Answer>().at(0).verdict, CertificateVerdict::kUnknown);
  core_.on_unknown_certificate(clock_.now(), leaf('z'));
  EXPECT_EQ(take<act::Answer>().at(0).verdict, CertificateVerdict::kUnknown);
  tick(std::chrono::seconds(6));
  take<act::Answer>();
  core_.on_unknown_certificate(clock_.now(), leaf('z'));
  EXPECT_TRUE(take<act::Answer>().empty());
}

TEST_F(GatewayCoreLab, AskingWithoutAnEmsIsAnsweredAtOnce) {
  core_.on_unknown_certificate(clock_.now(), leaf('z'));
  EXPECT_EQ(take<act::Answer>().at(0).verdict, CertificateVerdict::kUnavailable);
}

TEST_F(GatewayCoreLab, AnAskedRecordIsReleasedTenMinutesAfterItsLastSession) {
  connect();
  core_.on_unknown_certificate(clock_.now(), leaf('a'));
  auto e = endpoint({495});
  e.set_share_connected(false);
  e.set_asked(true);
  ems_.upsert(e);
  ems_.answer(1, wire::CertificateAnswer::FOUND);
  core_.on_session(clock_.now(), leaf('a'), {}, +1);
  const auto wait = [&](int seconds) {
    bool seen = false;
    for (int i = 0; i < seconds; ++i) {
      clock_.advance(std::chrono::seconds(1));
      ems_.pong();
      core_.on_tick(clock_.now());
      for (const auto& f : take_frames()) seen |= f.has_release_endpoint();
    }
    return seen;
  };
  EXPECT_FALSE(wait(700));
  core_.on_session(clock_.now(), leaf('a'), {}, -1);
  EXPECT_FALSE(wait(590));
  EXPECT_TRUE(wait(20));
}

TEST_F(GatewayCoreLab, TellsTheEmsOfItsSessionsAndDecisionsOnceTheyAreKnown) {
  const auto reports = [&] {
    std::vector<wire::SessionReport> out;
    tick(Seconds(1));
    for (const auto& frame : take_frames()) {
      if (frame.has_session_report()) out.push_back(frame.session_report());
    }
    return out;
  };
  ems_.authorise();
  ems_.snapshot();
  EXPECT_TRUE(reports().empty());  // the data plane has not been asked yet
  const auto began = to_unix_ms(clock_.now().wall);
  core_.set_decisions(clock_.now(), {});
  core_.on_session(clock_.now(), leaf('a'), {}, +3);
  core_.on_session(clock_.now(), leaf('b'), {}, +1);
  auto said = reports();
  ASSERT_EQ(said.size(), 1u);
  EXPECT_EQ(said[0].live_sessions(), 4u);
  EXPECT_EQ(said[0].allowed(), 0u);
  EXPECT_EQ(said[0].counted_since_ms(), began);
  // A worker ends with all its sessions.
  core_.on_session(clock_.now(), leaf('a'), {}, -3);
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
