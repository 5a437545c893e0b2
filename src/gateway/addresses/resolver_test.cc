#include "gateway/addresses/resolver_lab.h"

namespace postern::gateway {
namespace {

class ResolverTest : public ResolverLab {};

TEST_F(ResolverTest, AsksTheNetworkAndResolvesOnlyOnItsWord) {
  const auto a = endpoint("A", "10.0.1.2", kMac2);
  resolver_.upsert(a);
  EXPECT_FALSE(owns("A", "10.0.1.2"));
  EXPECT_EQ(resolver_.why(a.key), ResolveReason::kNeighbourUnknown);
  ASSERT_EQ(resolver_.take_questions().size(), 1u);
  resolver_.set_neighbour({"port1", ip("10.0.1.2")}, {Neighbour::State::kAsking, {}, false});
  EXPECT_FALSE(owns("A", "10.0.1.2"));
  present("10.0.1.2", kMac2);
  EXPECT_TRUE(owns("A", "10.0.1.2"));
  EXPECT_EQ(resolver_.take_changes(), std::set<IpAddress>{ip("10.0.1.2")});
  EXPECT_TRUE(resolver_.take_questions().empty());
}

// A machine in quarantine that is enrolled a second time doesn't get by its address what it lost.
TEST_F(ResolverTest, AMachineInQuarantineGetsNothingByASecondEnrolment) {
  auto a = endpoint("A", "10.0.1.2", kMac2);
  auto twin = endpoint("B", "10.0.1.2", kMac2);
  twin.key.connector = 2;  // whichever EMS
  resolver_.upsert(a);
  resolver_.upsert(twin);
  present("10.0.1.2", kMac2);
  a.quarantined = true;
  for (const bool online : {true, false}) {
    a.online = online;
    resolver_.upsert(a);
    present("10.0.1.2", kMac2);
    EXPECT_EQ(resolver_.find(ip("10.0.1.2")), nullptr);
    EXPECT_EQ(resolver_.why(twin.key), ResolveReason::kQuarantined);
    EXPECT_EQ(resolver_.why(twin.key, ip("10.0.1.2")), ResolveReason::kQuarantined);
    EXPECT_EQ(resolver_.claimants(ip("10.0.1.2")), (std::vector<RecordKey>{a.key, twin.key}));
  }
  // Another machine that is given the address later is not that one.
  auto other = endpoint("C", "10.0.1.2", kMac3);
  resolver_.upsert(other);
  present("10.0.1.2", kMac3);
  EXPECT_TRUE(owns("C", "10.0.1.2"));
  resolver_.remove(other.key);
  // Released, or removed from its EMS.
  a.quarantined = false;
  a.online = true;
  resolver_.upsert(a);
  present("10.0.1.2", kMac2);
  EXPECT_NE(resolver_.why(twin.key), ResolveReason::kQuarantined);
  a.quarantined = true;
  resolver_.upsert(a);
  EXPECT_EQ(resolver_.why(twin.key), ResolveReason::kQuarantined);
  resolver_.remove(a.key);
  present("10.0.1.2", kMac2);
  EXPECT_TRUE(owns("B", "10.0.1.2"));
}

TEST_F(ResolverTest, NobodyIsShutOutByWhatAQuarantinedEndpointClaimsToBe) {
  const auto b = endpoint("B", "10.0.1.2", kMac2);
  resolver_.upsert(b);
  present("10.0.1.2", kMac2);
  auto liar = endpoint("L", "10.0.1.2", kMac2);
  liar.public_ip = ip("10.0.1.9");  // the EMS hears it from elsewhere
  liar.quarantined = true;
  resolver_.upsert(liar);
  EXPECT_TRUE(owns("B", "10.0.1.2"));
}

TEST_F(ResolverTest, SaysOfEachAddressWhyAndOfAnyWhatIsKnown) {
  auto a = endpoint("A", "10.0.1.2", kMac2);
  a.interfaces.push_back({"eth1", kMac3, {ip("10.0.9.2"), ip("10.0.1.1")}, true});
  resolver_.upsert(a);
  EXPECT_EQ(resolver_.why(a.key, ip("10.0.1.2")), ResolveReason::kNeighbourUnknown);
  EXPECT_EQ(resolver_.neighbour(kKey2), nullptr);
  present("10.0.1.2", kMac2);
  ASSERT_NE(resolver_.neighbour(kKey2), nullptr);
  EXPECT_EQ(resolver_.why(a.key, ip("10.0.1.2")), ResolveReason::kResolved);
  EXPECT_EQ(resolver_.why(a.key, ip("10.0.9.2")), ResolveReason::kNoAddress);
  EXPECT_EQ(resolver_.why(a.key, ip("10.0.1.1")), ResolveReason::kReserved);
  EXPECT_EQ(resolver_.why({2, EndpointUid("A")}, ip("10.0.1.2")), ResolveReason::kNoAddress);
  auto b = endpoint("B", "10.0.1.2", kMac3);
  b.key.connector = 2;
  resolver_.upsert(b);
  EXPECT_EQ(resolver_.claimants(ip("10.0.1.2")), (std::vector<RecordKey>{a.key, b.key}));
  EXPECT_TRUE(resolver_.claimants(ip("10.0.1.7")).empty());
  EXPECT_EQ(resolver_.why(b.key, ip("10.0.1.2")), ResolveReason::kNeighbourDiffers);
  b.online = false;
  resolver_.upsert(b);
  EXPECT_EQ(resolver_.why(b.key, ip("10.0.1.2")), ResolveReason::kNotOnline);
  ASSERT_NE(resolver_.network_of(ip("10.0.1.200")), nullptr);
  EXPECT_EQ(resolver_.network_of(ip("10.0.1.200"))->name, "port1");
  EXPECT_EQ(resolver_.network_of(ip("10.0.2.1")), nullptr);
  EXPECT_EQ(resolver_.network_of(ip("fd00::1")), nullptr);
}

TEST_F(ResolverTest, ABridgeIsMeantAndNotItsPortOfTheSameHardwareAddress) {
  const auto a = endpoint("A", "10.0.1.2", kMac2);
  resolver_.set_interfaces({{"lan1", kGatewayMac, {}},
                            {"mgmt", kGatewayMac, {{ip("10.0.7.1"), 24}}},
                            {"port1", kGatewayMac, {{ip("10.0.1.1"), 24}}},
                            {"lan2", kGatewayMac, {}}});
  ASSERT_NE(resolver_.gateway_interface(a), nullptr);
  EXPECT_EQ(resolver_.gateway_interface(a)->name, "port1");
  auto route = a.routes[0];
  route.local_ip = {};
  EXPECT_EQ(resolver_.interface_of(route)->name, "mgmt");
  route.gateway_mac = kMac3;
  EXPECT_EQ(resolver_.interface_of(route), nullptr);
  resolver_.upsert(a);
  present("10.0.1.2", kMac2);
  EXPECT_TRUE(owns("A", "10.0.1.2"));
}

TEST_F(ResolverTest, AnotherHardwareAddressOrNoAnswerTakesItAway) {
  const auto a = endpoint("A", "10.0.1.2", kMac2);
  resolver_.upsert(a);
  present("10.0.1.2", kMac2);
  present("10.0.1.2", kMac3);
  EXPECT_FALSE(owns("A", "10.0.1.2"));
  EXPECT_EQ(resolver_.why(a.key), ResolveReason::kNeighbourDiffers);
  present("10.0.1.2", kMac2);
  EXPECT_TRUE(owns("A", "10.0.1.2"));
  resolver_.set_neighbour({"port1", ip("10.0.1.2")}, {Neighbour::State::kAbsent, {}, false});
  EXPECT_FALSE(owns("A", "10.0.1.2"));
  EXPECT_EQ(resolver_.why(a.key), ResolveReason::kNeighbourAbsent);
}

TEST_F(ResolverTest, WhatStoodStandsWhileTheNetworkIsAskedAgain) {
  resolver_.upsert(endpoint("A", "10.0.1.2", kMac2));
  present("10.0.1.2", kMac2);
  resolver_.remove_neighbour({"port1", ip("10.0.1.2")});
  EXPECT_TRUE(owns("A", "10.0.1.2"));
  resolver_.set_neighbour({"port1", ip("10.0.1.2")}, {Neighbour::State::kAsking, {}, false});
  EXPECT_TRUE(owns("A", "10.0.1.2"));
}

TEST_F(ResolverTest, AQuestionAboutAnothersClaimKeepsNobodyWhoseOwnClaimHasFailed) {
  auto a = endpoint("A", "10.0.1.2", kMac2);
  a.share_connected = false;
  a.share_all = true;
  resolver_.upsert(a);
  ASSERT_TRUE(owns("A", "10.0.1.2"));
  auto b = endpoint("B", "10.0.1.2", kMac3);  // behind us, and the network has not said yet whether it is there
  b.public_ip = ip("10.0.1.3");
  resolver_.upsert(b);
  EXPECT_EQ(resolver_.take_questions().size(), 1u);
  EXPECT_TRUE(owns("A", "10.0.1.2"));
  a.public_ip = ip("203.0.113.1");  // A's telemetry comes from elsewhere now
  resolver_.upsert(a);
  EXPECT_EQ(resolver_.find(ip("10.0.1.2")), nullptr);
}

TEST_F(ResolverTest, AnAddressHeldByTelemetrySourceIsNotKeptByAQuestionAboutAdjacency) {
  auto a = endpoint("A", "10.0.1.2", kMac2);
  a.share_all = true;
  a.share_connected = false;
  resolver_.upsert(a);
  ASSERT_TRUE(owns("A", "10.0.1.2"));
  a.share_all = false;
  a.share_connected = true;
  resolver_.upsert(a);
  EXPECT_EQ(resolver_.find(ip("10.0.1.2")), nullptr);
  present("10.0.1.2", kMac2);
  EXPECT_TRUE(owns("A", "10.0.1.2"));
}

TEST_F(ResolverTest, ASecondClaimantGetsNothingAndTheFirstKeepsItsAddress) {
  resolver_.upsert(endpoint("A", "10.0.1.2", kMac2));
  present("10.0.1.2", kMac2);
  auto b = endpoint("B", "10.0.1.2", kMac2);  // another's address and hardware address
  b.public_ip = ip("10.0.1.3");
  resolver_.upsert(b);
  EXPECT_TRUE(owns("A", "10.0.1.2"));
  EXPECT_EQ(resolver_.why(b.key), ResolveReason::kContested);
  b.interfaces[0].mac = kMac3;  // its own hardware address, another's IP
  resolver_.upsert(b);
  EXPECT_TRUE(owns("A", "10.0.1.2"));
  EXPECT_EQ(resolver_.why(b.key), ResolveReason::kNeighbourDiffers);
}

TEST_F(ResolverTest, WhoAnswersArpForAnothersAddressDoesNotInheritIt) {
  resolver_.upsert(endpoint("A", "10.0.1.2", kMac2));
  auto b = endpoint("B", "10.0.1.2", kMac3);
  b.public_ip = ip("10.0.1.3");
  resolver_.upsert(b);
  present("10.0.1.2", kMac3);
  EXPECT_EQ(resolver_.find(ip("10.0.1.2")), nullptr);
  EXPECT_EQ(resolver_.why(b.key), ResolveReason::kContested);
  EXPECT_FALSE(resolver_.take_contested().empty());
  present("10.0.1.2", kMac2);
  EXPECT_TRUE(owns("A", "10.0.1.2"));
}

TEST_F(ResolverTest, OfEqualRightsTheFirstThatWasConfirmedKeepsTheAddress) {
  auto a = endpoint("A", "10.0.1.2", kMac2);
  auto b = endpoint("B", "10.0.1.2", kMac2);
  a.public_ip = b.public_ip = ip("203.0.113.9");
  resolver_.upsert(a);
  present("10.0.1.2", kMac2);
  ASSERT_TRUE(owns("A", "10.0.1.2"));
  resolver_.upsert(b);
  EXPECT_TRUE(owns("A", "10.0.1.2"));
  EXPECT_EQ(resolver_.why(b.key), ResolveReason::kContested);
  resolver_.remove_neighbour(kKey2);  // also when the network has to be asked again
  present("10.0.1.2", kMac2);
  EXPECT_TRUE(owns("A", "10.0.1.2"));
  EXPECT_TRUE(resolver_.take_contested().empty());
  resolver_.take_pins();
  resolver_.take_questions();
  // When A is gone, what the network said of A says nothing of B.
  a.online = false;
  resolver_.upsert(a);
  EXPECT_EQ(resolver_.find(ip("10.0.1.2")), nullptr);
  EXPECT_EQ(resolver_.take_pins(), (std::vector<PinChange>{{kKey2, std::nullopt}}));
  EXPECT_EQ(resolver_.take_questions(), std::vector<NeighbourKey>{kKey2});
  present("10.0.1.2", kMac2);
  EXPECT_TRUE(owns("B", "10.0.1.2"));
}

TEST_F(ResolverTest, EqualRightsThatNobodyHadFirstMeanNobodyAndAnAlert) {
  auto a = endpoint("A", "10.0.1.2", kMac2);
  auto b = endpoint("B", "10.0.1.2", kMac2);
  auto c = endpoint("C", "10.0.1.2", kMac2);
  a.public_ip = b.public_ip = c.public_ip = ip("203.0.113.9");
  for (const auto* r : {&a, &b, &c}) resolver_.upsert(*r);
  present("10.0.1.2", kMac2);
  EXPECT_EQ(resolver_.find(ip("10.0.1.2")), nullptr);
  EXPECT_FALSE(resolver_.take_contested().empty());
  EXPECT_TRUE(resolver_.take_pins().empty());
  c.public_ip = ip("10.0.1.2");  // the telemetry's source decides, even against two others
  resolver_.upsert(c);
  EXPECT_TRUE(owns("C", "10.0.1.2"));
  a.public_ip = ip("10.0.1.2");
  resolver_.upsert(a);
  EXPECT_TRUE(owns("C", "10.0.1.2"));
}

TEST_F(ResolverTest, TheTelemetrysSourceOutranksWhoWasFirst) {
  auto b = endpoint("B", "10.0.1.2", kMac3);
  b.public_ip = ip("10.0.1.3");
  resolver_.upsert(b);
  present("10.0.1.2", kMac3);
  ASSERT_TRUE(owns("B", "10.0.1.2"));  // while A is away
  resolver_.take_pins();
  resolver_.take_questions();
  resolver_.upsert(endpoint("A", "10.0.1.2", kMac2));
  EXPECT_EQ(resolver_.find(ip("10.0.1.2")), nullptr);
  EXPECT_EQ(resolver_.take_pins(), (std::vector<PinChange>{{kKey2, std::nullopt}}));
  EXPECT_FALSE(resolver_.take_questions().empty());
  present("10.0.1.2", kMac2);
  EXPECT_TRUE(owns("A", "10.0.1.2"));
}

TEST_F(ResolverTest, NobodyClaimsOurOwnAddress) {
  const auto a = endpoint("A", "10.0.1.1", kMac2);
  resolver_.upsert(a);
  present("10.0.1.1", kMac2);
  EXPECT_EQ(resolver_.find(ip("10.0.1.1")), nullptr);
  EXPECT_TRUE(resolver_.take_questions().empty());
}

TEST_F(ResolverTest, NobodyClaimsTheAddressOfWhatTheGatewayDependsOn) {
  auto a = endpoint("A", "10.0.1.2", kMac2);
  resolver_.upsert(a);
  present("10.0.1.2", kMac2);
  ASSERT_TRUE(owns("A", "10.0.1.2"));
  resolver_.take_pins();
  resolver_.take_questions();
  resolver_.set_reserved({ip("10.0.1.2")});  // who had it loses it
  EXPECT_EQ(resolver_.find(ip("10.0.1.2")), nullptr);
  EXPECT_EQ(resolver_.why(a.key), ResolveReason::kReserved);
  EXPECT_EQ(resolver_.take_pins(), (std::vector<PinChange>{{kKey2, std::nullopt}}));
  present("10.0.1.2", kMac2);
  EXPECT_EQ(resolver_.find(ip("10.0.1.2")), nullptr);
  a.share_all = true;  // its telemetry comes from there: no way round
  resolver_.upsert(a);
  EXPECT_EQ(resolver_.find(ip("10.0.1.2")), nullptr);
  EXPECT_TRUE(resolver_.take_pins().empty());
  EXPECT_TRUE(resolver_.take_questions().empty());
  a.interfaces[0].addresses.push_back(ip("10.0.1.9"));  // its other address is its own
  resolver_.upsert(a);
  present("10.0.1.9", kMac2);
  EXPECT_TRUE(owns("A", "10.0.1.9"));
  resolver_.set_reserved({});
  present("10.0.1.2", kMac2);
  EXPECT_TRUE(owns("A", "10.0.1.2"));
}

TEST_F(ResolverTest, OneRecordClaimsNoMoreAdjacentAddressesThanTheLimit) {
  auto a = endpoint("A", "10.0.1.2", kMac2);
  auto& addresses = a.interfaces[0].addresses;
  while (addresses.size() < Resolver::kMaxAdjacentClaims) {
    addresses.push_back(ip(fmt::format("10.0.1.{}", addresses.size() + 2).c_str()));
  }
  addresses.push_back(addresses.front());  // once more, on the same card: not another claim
  resolver_.upsert(a);
  EXPECT_TRUE(resolver_.take_excessive().empty());
  addresses.push_back(ip("10.0.1.200"));
  addresses.push_back(ip("10.0.1.201"));
  resolver_.upsert(a);
  EXPECT_EQ(resolver_.take_questions().size(), Resolver::kMaxAdjacentClaims);
  EXPECT_EQ(resolver_.take_excessive(), std::vector<RecordKey>{a.key});
  present("10.0.1.200", kMac2);
  present("10.0.1.65", kMac2);
  EXPECT_FALSE(owns("A", "10.0.1.200"));
  EXPECT_TRUE(owns("A", "10.0.1.65"));
  a.public_ip = ip("203.0.113.9");
  resolver_.upsert(a);
  EXPECT_TRUE(resolver_.take_excessive().empty()) << "once is enough";
}

TEST_F(ResolverTest, SharedWithoutAdjacencyNeedsTheTelemetrySource) {
  auto a = endpoint("A", "192.0.2.7", kMac2);
  a.share_connected = false;
  a.share_all = true;
  resolver_.upsert(a);
  EXPECT_TRUE(owns("A", "192.0.2.7"));
  a.public_ip = ip("203.0.113.1");
  resolver_.upsert(a);
  EXPECT_EQ(resolver_.find(ip("192.0.2.7")), nullptr);
  EXPECT_EQ(resolver_.why(a.key), ResolveReason::kNotTelemetrySource);
}

TEST_F(ResolverTest, ZtnaOnlyEndpointsAreMatchedButNotResolved) {
  auto a = endpoint("A", "10.0.1.2", kMac2);
  a.share_connected = false;
  a.asked = true;
  present("10.0.1.2", kMac2);
  resolver_.upsert(a);
  EXPECT_EQ(resolver_.find(ip("10.0.1.2")), nullptr);
  EXPECT_EQ(resolver_.why(a.key), ResolveReason::kZtnaOnly);
}

TEST_F(ResolverTest, UnusableEndpointsClaimNothing) {
  for (int i = 0; i < 4; ++i) {
    auto a = endpoint("A", "10.0.1.2", kMac2);
    resolver_.upsert(a);
    present("10.0.1.2", kMac2);
    EXPECT_TRUE(owns("A", "10.0.1.2"));
    if (i == 0) a.online = false;
    if (i == 1) a.quarantined = true;
    if (i == 2) a.blocked = true;
    if (i == 3) a.registered = false;
    resolver_.upsert(a);
    EXPECT_EQ(resolver_.find(ip("10.0.1.2")), nullptr) << i;
    EXPECT_EQ(resolver_.why(a.key), ResolveReason::kNotOnline);
  }
}

TEST_F(ResolverTest, AStaleConnectorResolvesNothingUntilItIsBack) {
  const auto a = endpoint("A", "10.0.1.2", kMac2);
  resolver_.upsert(a);
  present("10.0.1.2", kMac2);
  resolver_.set_stale(1, true);
  EXPECT_EQ(resolver_.find(ip("10.0.1.2")), nullptr);
  EXPECT_EQ(resolver_.why(a.key), ResolveReason::kConnectorStale);
  resolver_.set_stale(1, false);
  present("10.0.1.2", kMac2);
  EXPECT_TRUE(owns("A", "10.0.1.2"));
}

TEST_F(ResolverTest, RemovalLeavesNothing) {
  const auto a = endpoint("A", "10.0.1.2", kMac2);
  resolver_.upsert(a);
  present("10.0.1.2", kMac2);
  resolver_.remove(a.key);
  EXPECT_TRUE(resolver_.resolved().empty());
}

}  // namespace
}  // namespace postern::gateway
