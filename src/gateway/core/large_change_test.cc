// Changes of very many records are taken up in several turns: what counts in between, and what doesn't wait.
#include <fmt/format.h>

#include "gateway/core/gateway_core_lab.h"

namespace postern::gateway {
namespace {

constexpr int kMany = 7;

class LargeChange : public GatewayCoreLab {
 protected:
  LargeChange() { core_.set_at_once(2); }

  static std::string uid(int i) { return fmt::format("9A016B5A6E914B42AD4168C066EB04{:02X}", i); }
  static IpAddress address(int i) { return ip(fmt::format("10.0.1.{}", 10 + i).c_str()); }
  static MacAddress mac(int i) { return *MacAddress::parse(fmt::format("02:09:0f:00:02:{:02x}", i)); }
  static char letter(int i) { return static_cast<char>('A' + i); }
  static wire::ViewEntry one(int i, const std::vector<std::uint32_t>& tags) {
    auto e = endpoint(tags);
    auto& r = *e.mutable_record();
    r.set_uid(uid(i));
    r.set_public_ip(raw(address(i)));
    r.mutable_certificates(0)->set_sha256(std::string(32, letter(i)));
    r.mutable_interfaces(0)->set_mac(raw(mac(i)));
    r.mutable_interfaces(0)->set_addresses(0, raw(address(i)));
    return e;
  }
  /// A snapshot of many, which ends with `snapshot`.
  void tell_many(FakeEms& ems) {
    for (int i = 0; i < kMany; ++i) ems.hold(one(i, {70, 495}));
    ems.snapshot();
  }
  void finish() {
    while (core_.unfinished()) core_.go_on(clock_.now());
  }
  void all_answer() {
    for (int i = 0; i < kMany; ++i) core_.set_neighbour({"port1", address(i)}, {Neighbour::State::kPresent, mac(i)});
  }
  void connect_many() {
    ems_.authorise();
    ems_.tag(70, "all_registered_clients");
    ems_.tag(495, "Telemetry-Connected");
    tell_many(ems_);
    finish();
    all_answer();
    ASSERT_EQ(core_.addresses().size(), kMany);
  }
  bool has_tag(int i, const char* name) const {
    const auto it = core_.slots().find(leaf(letter(i)));
    return it != core_.slots().end() && it->second.tags[bit(name)];
  }
};

TEST_F(LargeChange, ASnapshotOfManyComesInTurnsAndIsNotedWholeBefore) {
  ems_.authorise();
  ems_.tag(495, "Telemetry-Connected");
  take<act::Connect>();
  tell_many(ems_);
  EXPECT_EQ(core_.slots().size(), 2u);
  const auto actions = core_.take_actions();
  const auto saved = std::find_if(actions.begin(), actions.end(), [](const auto& a) { return std::holds_alternative<act::SaveView>(a); });
  const auto slot = std::find_if(actions.begin(), actions.end(), [](const auto& a) { return std::holds_alternative<act::SlotUpsert>(a); });
  ASSERT_NE(saved, actions.end());
  EXPECT_LT(saved, slot);
  EXPECT_EQ(std::get<act::SaveView>(*saved).touched.size(), kMany);
  for (const std::size_t there : {4u, 6u, 7u}) {
    EXPECT_TRUE(core_.unfinished());
    core_.go_on(clock_.now());
    EXPECT_EQ(core_.slots().size(), there);
  }
}

TEST_F(LargeChange, WhatChangesMeanwhileIsTakenUpAtOnceAndStays) {
  ems_.authorise();
  ems_.tag(495, "Telemetry-Connected");
  tell_many(ems_);
  auto last = one(kMany - 1, {495});
  last.mutable_record()->set_quarantined(true);
  ems_.upsert(last);
  EXPECT_TRUE(core_.unfinished());
  ASSERT_TRUE(core_.slots().contains(leaf(letter(kMany - 1))));
  EXPECT_TRUE(core_.slots().at(leaf(letter(kMany - 1))).quarantined);
  finish();
  EXPECT_TRUE(core_.slots().at(leaf(letter(kMany - 1))).quarantined);
  EXPECT_EQ(core_.slots().size(), kMany);
}

TEST_F(LargeChange, OfAForgottenEmsNoTagCountsFromTheFirstTurnAndWhoHasASessionGoesFirst) {
  connect_many();
  core_.on_session(clock_.now(), leaf(letter(kMany - 1)), {}, 1);
  core_.forget(clock_.now(), 1);
  EXPECT_FALSE(core_.slots().contains(leaf(letter(kMany - 1))));
  EXPECT_EQ(core_.slots().size(), kMany - 2);
  for (int i = 0; i < kMany; ++i) EXPECT_FALSE(has_tag(i, "EMS1_ZTNA_Telemetry-Connected")) << i;
  for (const auto& [leaf, slot] : core_.slots()) EXPECT_TRUE(slot.unknown[bit("EMS1_ZTNA_Telemetry-Connected")]);
  for (const auto& [ip, state] : core_.addresses()) EXPECT_TRUE(state.tags.none());
  finish();
  EXPECT_TRUE(core_.slots().empty());
  EXPECT_TRUE(core_.records().empty());
  EXPECT_TRUE(core_.addresses().empty());
}

TEST_F(LargeChange, OfAConnectorThatIsTakenAwayAllGoes) {
  connect_many();
  core_.set_connectors(clock_.now(), {});
  EXPECT_TRUE(core_.unfinished());
  finish();
  EXPECT_TRUE(core_.slots().empty());
  EXPECT_TRUE(core_.addresses().empty());
}

TEST_F(LargeChange, NoRecordOfBeforeMeetsWhatNumbersOfTagsMeanNow) {
  core_.set_policy_tags({"EMS1_ZTNA_Telemetry-Connected", "EMS1_ZTNA_Admin"});
  connect_many();
  core_.forget(clock_.now(), 1);
  ASSERT_TRUE(core_.unfinished());
  // Another one, in which 495 is the tag of administrators; it knows one endpoint.
  FakeEms another(core_, clock_);
  another.authorise();
  another.tag(495, "Admin");
  auto known = one(0, {});
  another.hold(known);
  another.snapshot();
  for (int i = 0; i < kMany; ++i) EXPECT_FALSE(has_tag(i, "EMS1_ZTNA_Admin")) << i;
  EXPECT_EQ(core_.records().size(), 1u);
  finish();
  EXPECT_EQ(core_.slots().size(), 1u);
}

TEST_F(LargeChange, ASnapshotInWhichANumberMeansAnotherTagIsTakenUpInOneTurn) {
  core_.set_policy_tags({"EMS1_ZTNA_Telemetry-Connected", "EMS1_ZTNA_Admin"});
  connect_many();
  FakeEms again(core_, clock_);
  again.authorise();
  again.tag(495, "Admin");
  for (int i = 0; i < kMany; ++i) again.hold(one(i, {}));
  again.snapshot();
  EXPECT_FALSE(core_.unfinished());
  for (int i = 0; i < kMany; ++i) EXPECT_FALSE(has_tag(i, "EMS1_ZTNA_Admin")) << i;
}

TEST_F(LargeChange, OfATagThatIsNewNobodyWhoWaitsIsKnownToHaveItNot) {
  core_.set_policy_tags({"EMS1_ZTNA_Telemetry-Connected", "EMS1_ZTNA_Vulnerable"});
  connect_many();
  ems_.tag(600, "Vulnerable");
  for (int i = 0; i < kMany; ++i) ems_.hold(one(i, {70, 495, 600}));
  core_.refresh(clock_.now(), 1);
  ems_.snapshot();
  ASSERT_TRUE(core_.unfinished());
  const auto tag = bit("EMS1_ZTNA_Vulnerable");
  for (const auto& [leaf, slot] : core_.slots()) EXPECT_TRUE(slot.tags[tag] || slot.unknown[tag]);
  for (const auto& [ip, state] : core_.addresses()) EXPECT_TRUE(state.tags[tag] || !state.known[tag]) << ip.str();
  EXPECT_TRUE(has_tag(kMany - 1, "EMS1_ZTNA_Telemetry-Connected"));
  finish();
  for (int i = 0; i < kMany; ++i) EXPECT_TRUE(has_tag(i, "EMS1_ZTNA_Vulnerable")) << i;
}

TEST_F(LargeChange, ACertificateThatIsAskedForDoesNotWaitForTheRest) {
  ems_.authorise();
  ems_.tag(495, "Telemetry-Connected");
  core_.take_actions();
  core_.on_unknown_certificate(clock_.now(), leaf(letter(kMany - 1)));
  std::uint64_t request = 0;
  for (const auto& frame : take_frames()) {
    if (frame.has_ask_certificate()) request = frame.ask_certificate().request_id();
  }
  ASSERT_NE(request, 0u);
  tell_many(ems_);
  ASSERT_FALSE(core_.slots().contains(leaf(letter(kMany - 1))));
  wire::FabricFrame f;
  f.mutable_certificate_answer()->set_request_id(request);
  f.mutable_certificate_answer()->set_state(wire::CertificateAnswer::FOUND);
  f.mutable_certificate_answer()->set_uid(uid(kMany - 1));
  ems_.send(f);
  EXPECT_TRUE(core_.slots().contains(leaf(letter(kMany - 1))));
  EXPECT_EQ(take<act::Answer>().back().verdict, CertificateVerdict::kFound);
}

TEST_F(LargeChange, AfterAStandstillNothingIsGrantedBeforeAllThatWasHeardIsTakenUp) {
  connect_many();
  tick(std::chrono::milliseconds(100));
  take<act::Lease>();
  tick(std::chrono::seconds(8));
  EXPECT_TRUE(take<act::Lease>().empty());
  for (int i = 0; i < kMany; ++i) ems_.hold(one(i, {70}));
  core_.refresh(clock_.now(), 1);
  ems_.snapshot();
  ems_.pong();
  tick(std::chrono::milliseconds(100));
  ASSERT_TRUE(core_.unfinished());
  EXPECT_TRUE(take<act::Lease>().empty());
  finish();
  tick(std::chrono::milliseconds(100));
  EXPECT_EQ(take<act::Lease>().size(), 1u);
  for (int i = 0; i < kMany; ++i) EXPECT_FALSE(has_tag(i, "EMS1_ZTNA_Telemetry-Connected"));
}

TEST_F(LargeChange, ManyThatBecomeStaleGoInTurnsAndComeBackSo) {
  connect_many();
  tick(std::chrono::seconds(181));
  EXPECT_TRUE(core_.connectors().at(1).stale);
  EXPECT_EQ(core_.addresses().size(), kMany - 2);
  // Whom the network confirms now wins nothing.
  core_.set_neighbour({"port1", address(0)}, {Neighbour::State::kPresent, mac(0)});
  EXPECT_FALSE(core_.addresses().contains(address(0)));
  finish();
  EXPECT_TRUE(core_.addresses().empty());
  tick(std::chrono::seconds(60));
  ems_.authorise();
  ems_.snapshot();
  finish();
  EXPECT_FALSE(core_.connectors().at(1).stale);
  all_answer();
  EXPECT_EQ(core_.addresses().size(), kMany);
}

TEST_F(LargeChange, AnEmsThatWasAwayTooLongCountsAgainOnlyWhenAllThatItSaysIsTakenUp) {
  connect_many();
  tick(std::chrono::seconds(181));
  finish();
  tick(std::chrono::seconds(60));
  ems_.authorise();
  for (int i = 0; i < kMany; ++i) ems_.hold(one(i, {70}));
  take<act::ConnectorValid>();
  ems_.snapshot();
  ASSERT_TRUE(core_.unfinished());
  EXPECT_TRUE(has_tag(kMany - 1, "EMS1_ZTNA_Telemetry-Connected"));
  ems_.pong();
  tick(std::chrono::milliseconds(100));
  EXPECT_TRUE(take<act::ConnectorValid>().empty());
  EXPECT_TRUE(core_.connectors().at(1).stale);
  finish();
  EXPECT_FALSE(has_tag(kMany - 1, "EMS1_ZTNA_Telemetry-Connected"));
  EXPECT_EQ(take<act::ConnectorValid>().size(), 1u);
  EXPECT_FALSE(core_.connectors().at(1).stale);
}

TEST_F(LargeChange, WhatIsOursOrReservedNowIsNobodysAtOnce) {
  connect_many();
  core_.set_reserved({address(kMany - 1)});
  EXPECT_FALSE(core_.addresses().contains(address(kMany - 1)));
  EXPECT_TRUE(core_.unfinished());
  finish();
  EXPECT_EQ(core_.addresses().size(), kMany - 1);
  core_.set_interfaces({{"port1", kGatewayMac, {{ip("10.0.1.1"), 24}, {address(kMany - 2), 24}}}});
  EXPECT_FALSE(core_.addresses().contains(address(kMany - 2)));
  finish();
  EXPECT_EQ(core_.addresses().size(), kMany - 2);
  // And free again.
  core_.set_reserved({});
  finish();
  all_answer();
  EXPECT_EQ(core_.addresses().size(), kMany - 1);
}

TEST_F(LargeChange, OfAnInterfaceThatIsGoneNothingIsAskedForEver) {
  connect_many();
  core_.set_neighbour({"port1", address(kMany - 1)}, {Neighbour::State::kAbsent, {}});
  core_.set_neighbour({"port1", address(kMany - 2)}, {Neighbour::State::kAbsent, {}});
  ASSERT_EQ(core_.resolver().unanswered().size(), 2u);
  core_.set_interfaces({{"port2", kGatewayMac, {{ip("10.0.1.1"), 24}}}});
  core_.set_neighbour({"port1", address(kMany - 3)}, {Neighbour::State::kAbsent, {}});
  ASSERT_TRUE(core_.unfinished());
  EXPECT_TRUE(core_.resolver().unanswered().empty());
  finish();
  EXPECT_TRUE(core_.resolver().unanswered().empty());
  EXPECT_TRUE(core_.addresses().empty());
}

}  // namespace
}  // namespace postern::gateway
