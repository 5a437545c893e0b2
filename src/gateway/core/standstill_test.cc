// What still counts when the EMS is away, and after this process stood still or began anew.
#include "gateway/core/gateway_core_lab.h"

namespace postern::gateway {
namespace {

TEST_F(GatewayCoreLab, TheEmsAwayPastTheThresholdIsDeniedAndSaidSoAndComesBack) {
  connect();
  ems_.upsert(endpoint({70, 495}));
  take<act::Alert>();
  tick(std::chrono::seconds(179));
  EXPECT_EQ(core_.addresses().size(), 1u);
  tick(std::chrono::seconds(2));
  EXPECT_TRUE(core_.addresses().empty());
  EXPECT_TRUE(core_.connectors().at(1).stale);
  EXPECT_EQ(take<act::Alert>().back().event, "connector.stale");
  tick(std::chrono::seconds(60));
  ems_.authorise();
  ems_.snapshot();
  EXPECT_FALSE(core_.connectors().at(1).stale);
  EXPECT_TRUE(core_.addresses().empty());  // the network is asked anew
  network_answers();
  EXPECT_EQ(core_.addresses().size(), 1u);
}

TEST_F(GatewayCoreLab, WhatArrivesAfterAStandstillDoesNotMakeOldRecordsValidAgain) {
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

TEST_F(GatewayCoreLab, AShorterThresholdHoldsAtOnceAlsoWhileTheEmsIsSilent) {
  connect();
  ems_.upsert(endpoint({70, 495}));
  ASSERT_EQ(core_.addresses().size(), 1u);
  core_.set_connectors(clock_.now(), {{1, true, "EMS", "10.0.2.10", 8443, Seconds(10), {}}});
  tick(std::chrono::milliseconds(9'900));
  EXPECT_FALSE(core_.connectors().at(1).stale);
  tick(std::chrono::milliseconds(200));
  EXPECT_TRUE(core_.connectors().at(1).stale);
  EXPECT_TRUE(core_.addresses().empty());
}

TEST_F(GatewayCoreLab, WhatWasKeptAcrossARestartCountsUntilItsDeadlineOnly) {
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

TEST_F(GatewayCoreLab, AfterAStandstillTheLeaseWaitsUntilTheEmsWasHeardAgain) {
  connect();
  ems_.upsert(endpoint({70, 495}));
  const auto ping = [&] {
    std::uint64_t id = 0;
    for (const auto& f : take_frames()) {
      if (f.has_ping()) id = f.ping().id();
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

TEST_F(GatewayCoreLab, AfterAStandstillAnEmsThatIsAwayIsNotWaitedForForever) {
  connect();
  ems_.upsert(endpoint({70, 495}));
  core_.on_tick(clock_.now());
  core_.on_disconnected(clock_.now(), 1, "gone");
  take<act::Lease>();
  clock_.advance(GatewayCore::kLease + Seconds(1));
  Seconds waited{0};
  for (core_.on_tick(clock_.now()); take<act::Lease>().empty(); ++waited) {
    ASSERT_LT(waited, Seconds(60));
    tick(Seconds(1));
  }
  EXPECT_EQ(waited, GatewayCore::kCatchUp);
  EXPECT_EQ(core_.addresses().size(), 1u) << "what is held counts for as long as in any other outage";
}

TEST_F(GatewayCoreLab, RenewsTheLeaseEachSecond) {
  take<act::Lease>();
  for (int i = 0; i < 30; ++i) {
    tick(std::chrono::milliseconds(100));
  }
  const auto leases = take<act::Lease>();
  EXPECT_EQ(leases.size(), 3u);
  EXPECT_EQ(leases.back().until, clock_.now().mono + std::chrono::seconds(5));
}

}  // namespace
}  // namespace postern::gateway
