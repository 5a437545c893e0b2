// Two EMSs that know one UID, and issued certificates of one serial number: never one endpoint.
#include "gateway/core/gateway_core_lab.h"

namespace postern::gateway {
namespace {

class TwoEmsTest : public GatewayCoreLab {
 protected:
  TwoEmsTest() {
    connect();
    core_.set_connectors(clock_.now(), {{1, true, "EMS", "10.0.2.10", 8443, Seconds(180), {}},
                                        {2, true, "Second", "10.0.2.11", 8443, Seconds(180), {}}});
    core_.set_trusted(clock_.now(), 2, true);
    second_.authorise("PSTEMS0000000002");
    second_.tag(495, "Telemetry-Connected");
    second_.snapshot();
    core_.set_policy_tags({"EMS1_ZTNA_Telemetry-Connected", "EMS2_ZTNA_Telemetry-Connected"});
  }
  /// The same UID and serial number, and as each EMS has a CA of its own, another certificate.
  static wire::ViewEntry twin(const std::vector<std::uint32_t>& tags) {
    auto e = endpoint(tags);
    e.mutable_record()->mutable_certificates(0)->set_sha256(std::string(32, 'b'));
    return e;
  }

  FakeEms second_{core_, clock_, 2};
};

TEST_F(TwoEmsTest, OneUidAtBothIsTwoEndpointsEachWithItsOwnTags) {
  ems_.upsert(endpoint({}));
  second_.upsert(twin({495}));
  ASSERT_EQ(core_.records().size(), 2u);
  const auto& slots = core_.slots();
  ASSERT_TRUE(slots.contains(leaf('a')) && slots.contains(leaf('b')));
  const auto first = bit("EMS1_ZTNA_Telemetry-Connected"), second = bit("EMS2_ZTNA_Telemetry-Connected");
  EXPECT_EQ(slots.at(leaf('a')).owner.connector, 1);
  EXPECT_FALSE(slots.at(leaf('a')).tags[first]);
  EXPECT_FALSE(slots.at(leaf('a')).tags[second]);
  EXPECT_TRUE(slots.at(leaf('a')).unknown[second]) << "the other EMS's tag is unknown, not lacking";
  EXPECT_EQ(slots.at(leaf('b')).owner.connector, 2);
  EXPECT_TRUE(slots.at(leaf('b')).tags[second]);
  EXPECT_FALSE(slots.at(leaf('b')).tags[first]);
  // Quarantined at one is not quarantined at the other.
  auto quarantined = twin({495});
  quarantined.mutable_record()->set_quarantined(true);
  second_.upsert(quarantined);
  EXPECT_TRUE(core_.slots().at(leaf('b')).quarantined);
  EXPECT_FALSE(core_.slots().at(leaf('a')).quarantined);
  // One EMS goes: the other's endpoint stays.
  core_.forget(clock_.now(), 2);
  EXPECT_TRUE(core_.slots().contains(leaf('a')));
  EXPECT_FALSE(core_.slots().contains(leaf('b')));
}

TEST_F(TwoEmsTest, AnInquiryIsAnsweredByTheEmsThatWasAskedAndGivesNobodyASlot) {
  take_frames();
  const auto of_first = core_.inquire(clock_.now(), 1, leaf('c')), of_second = core_.inquire(clock_.now(), 2, leaf('c'));
  ASSERT_NE(of_first, 0u);
  ASSERT_NE(of_second, 0u);
  EXPECT_EQ(core_.inquire(clock_.now(), 3, leaf('c')), 0u);
  second_.answer(of_second, wire::CertificateAnswer::FOUND);
  EXPECT_FALSE(core_.take_answer(1, of_first));
  const auto answer = core_.take_answer(2, of_second);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->uid.str(), kUid);
  EXPECT_FALSE(core_.take_answer(2, of_second)) << "taken once";
  core_.give_up(1, of_first);
  ems_.answer(of_first, wire::CertificateAnswer::FOUND);
  EXPECT_FALSE(core_.take_answer(1, of_first));
  EXPECT_TRUE(core_.slots().empty());
  EXPECT_TRUE(core_.records().empty());
  EXPECT_TRUE(take<act::Answer>().empty()) << "no request of an access proxy waits for it";
}

TEST_F(TwoEmsTest, ARefreshAsksOneEmsAndTakesNothingAway) {
  network_answers();
  ems_.upsert(endpoint({495}));
  ASSERT_TRUE(core_.addresses().contains(ip("10.0.1.2")));
  take_frames();
  core_.refresh(clock_.now(), 1);
  bool whole = false;
  for (const auto& frame : take_frames()) whole = whole || (frame.has_subscribe() && frame.subscribe().epoch() == 0);
  EXPECT_TRUE(whole);
  EXPECT_TRUE(core_.addresses().contains(ip("10.0.1.2")));
  EXPECT_TRUE(core_.slots().contains(leaf('a')));
  ems_.snapshot();
  EXPECT_TRUE(core_.addresses().contains(ip("10.0.1.2")));
  core_.refresh(clock_.now(), 9);  // no such connector
}

/// A connector whose EMS another one has already.
class SameEmsTest : public GatewayCoreLab {
 protected:
  ConnectorSettings settings(ConnectorId id, const char* serial) const {
    return {id, true, "EMS", "10.0.2." + std::to_string(id), 8443, Seconds(180), EmsSerial(serial)};
  }
  void configure(std::vector<ConnectorSettings> all) {
    core_.set_connectors(clock_.now(), all);
    for (const auto& c : all) core_.set_trusted(clock_.now(), c.id, true);
  }
  const GatewayCore::Connector& connector(ConnectorId id) const { return core_.connectors().at(id); }
  FakeEms second_{core_, clock_, 2};
};

TEST_F(SameEmsTest, TheNewOneIsStoppedAndTakesNothingFromTheOld) {
  connect();
  const std::string serial = connector(1).settings.expected_serial.str();
  ASSERT_FALSE(serial.empty());
  ems_.upsert(endpoint({495}));
  const auto first = connector(1).settings;
  configure({first, settings(2, "")});
  take<act::Disconnect>();
  second_.authorise(serial.c_str());
  EXPECT_EQ(connector(2).same_as, 1);
  EXPECT_TRUE(connector(2).settings.expected_serial.empty()) << "it is not taken for its own";
  EXPECT_EQ(take<act::Disconnect>().size(), 1u);
  tick(std::chrono::seconds(60));
  for (const auto& again : take<act::Connect>()) EXPECT_NE(again.id, 2);
  EXPECT_EQ(connector(1).same_as, 0);
  EXPECT_TRUE(core_.slots().contains(leaf('a')));
  // The one that had it is taken away: the other goes on.
  configure({settings(2, "")});
  EXPECT_EQ(connector(2).same_as, 0);
  EXPECT_FALSE(take<act::Connect>().empty());
  second_.authorise(serial.c_str());
  EXPECT_EQ(connector(2).settings.expected_serial.str(), serial);
}

TEST_F(SameEmsTest, OfTwoThatBothKnowItTheLowerNumberGoesOn) {
  connect();
  const auto first = connector(1).settings;
  auto both = settings(2, first.expected_serial.str().c_str());
  both.expected_tenant = first.expected_tenant;
  configure({first, both});
  second_.authorise(first.expected_serial.str().c_str());
  EXPECT_EQ(connector(2).same_as, 1);
  EXPECT_EQ(connector(1).same_as, 0);
  // Another server: who answers there is asked anew.
  both.server = "10.0.2.99";
  both.expected_serial = {};
  both.expected_tenant = {};
  configure({first, both});
  EXPECT_EQ(connector(2).same_as, 0);
  second_.authorise("PSTEMS0000000002");
  EXPECT_EQ(connector(2).same_as, 0);
  EXPECT_EQ(connector(2).settings.expected_serial.str(), "PSTEMS0000000002");
}

}  // namespace
}  // namespace postern::gateway
