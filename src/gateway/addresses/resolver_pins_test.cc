// What is confirmed is pinned, and confirms nobody else.
#include "gateway/addresses/resolver_lab.h"

namespace postern::gateway {
namespace {

class ResolverPinsTest : public ResolverLab {};

TEST_F(ResolverPinsTest, WhatAGatewayBeforePinnedConfirmsItsOwnerOnly) {
  // A stranger claims the address with its owner's hardware address, and its record comes first.
  auto stranger = endpoint("A", "10.0.1.2", kMac2);
  stranger.public_ip = ip("10.0.1.9");
  auto owner = endpoint("B", "10.0.1.2", kMac2);
  owner.public_ip = ip("192.0.2.7");
  resolver_.upsert(stranger);
  EXPECT_FALSE(resolver_.adopt({kKey2, kMac2, owner.key})) << "it claims nothing";
  EXPECT_FALSE(resolver_.find(ip("10.0.1.2")));
  resolver_.upsert(owner);
  EXPECT_FALSE(resolver_.adopt({kKey2, kMac3, owner.key})) << "it claims another card";
  EXPECT_FALSE(resolver_.adopt({{"port2", ip("10.0.1.2")}, kMac2, owner.key}));
  EXPECT_FALSE(resolver_.find(ip("10.0.1.2")));
  ASSERT_TRUE(resolver_.adopt({kKey2, kMac2, owner.key}));
  EXPECT_TRUE(owns("B", "10.0.1.2"));
  EXPECT_EQ(resolver_.why(stranger.key), ResolveReason::kContested);
  EXPECT_TRUE(resolver_.take_questions().empty());
  EXPECT_EQ(resolver_.take_pins(), (std::vector<PinChange>{{kKey2, kMac2}}));
  EXPECT_FALSE(resolver_.adopt({kKey2, kMac2, stranger.key})) << "it has its owner";
  // From here on it is as if this gateway had made it.
  resolver_.remove(owner.key);
  EXPECT_FALSE(resolver_.find(ip("10.0.1.2")));
  EXPECT_EQ(resolver_.take_pins(), (std::vector<PinChange>{{kKey2, std::nullopt}}));
  EXPECT_EQ(resolver_.take_questions().size(), 1u) << "the stranger is asked about";
}

TEST_F(ResolverPinsTest, WhatIsConfirmedIsPinnedUntilItsClaimGoes) {
  auto a = endpoint("A", "10.0.1.2", kMac2);
  resolver_.upsert(a);
  EXPECT_TRUE(resolver_.take_pins().empty());
  present("10.0.1.2", kMac2);
  EXPECT_EQ(resolver_.take_pins(), (std::vector<PinChange>{{kKey2, kMac2}}));
  EXPECT_TRUE(resolver_.pinned(kKey2));
  present("10.0.1.2", kMac2);
  resolver_.upsert(a);
  EXPECT_TRUE(resolver_.take_pins().empty());
  const std::vector<PinChange> gone = {{kKey2, std::nullopt}};
  const auto comes_back = [&] {
    EXPECT_EQ(resolver_.find(ip("10.0.1.2")), nullptr);
    EXPECT_EQ(resolver_.take_pins(), gone);
    EXPECT_FALSE(resolver_.pinned(kKey2));
    resolver_.take_questions();
    resolver_.set_stale(1, false);
    resolver_.upsert(endpoint("A", "10.0.1.2", kMac2));
    EXPECT_FALSE(owns("A", "10.0.1.2")) << "the network has not been asked again";
    EXPECT_EQ(resolver_.take_questions(), std::vector<NeighbourKey>{kKey2});
    present("10.0.1.2", kMac2);
    EXPECT_TRUE(owns("A", "10.0.1.2"));
    EXPECT_EQ(resolver_.take_pins(), (std::vector<PinChange>{{kKey2, kMac2}}));
  };
  a.online = false;
  resolver_.upsert(a);
  comes_back();
  a = endpoint("A", "10.0.1.9", kMac2);  // another address, which nobody has confirmed yet
  resolver_.upsert(a);
  comes_back();
  a = endpoint("A", "10.0.1.2", kMac2);
  a.share_connected = false;
  resolver_.upsert(a);
  comes_back();
  resolver_.set_stale(1, true);
  comes_back();
  resolver_.remove(a.key);
  EXPECT_EQ(resolver_.take_pins(), gone);
}

TEST_F(ResolverPinsTest, AnotherCardIsFollowed) {
  auto a = endpoint("A", "10.0.1.2", kMac2);
  resolver_.upsert(a);
  present("10.0.1.2", kMac2);
  resolver_.take_pins();
  resolver_.take_questions();
  a.interfaces[0].mac = kMac3;
  resolver_.upsert(a);
  EXPECT_FALSE(owns("A", "10.0.1.2"));  // what was confirmed is none of its cards any more
  EXPECT_EQ(resolver_.take_pins(), (std::vector<PinChange>{{kKey2, std::nullopt}}));
  EXPECT_EQ(resolver_.take_questions(), std::vector<NeighbourKey>{kKey2});
  present("10.0.1.2", kMac3);
  EXPECT_TRUE(owns("A", "10.0.1.2"));
  EXPECT_EQ(resolver_.take_pins(), (std::vector<PinChange>{{kKey2, kMac3}}));

  // The address moves to the first card, and the second one stays: it keeps what it has while the network is asked.
  a.interfaces = {{"eth0", kMac2, {ip("10.0.1.2")}, true}, {"eth1", kMac3, {}, true}};
  resolver_.upsert(a);
  EXPECT_TRUE(owns("A", "10.0.1.2"));
  EXPECT_EQ(resolver_.take_pins(), (std::vector<PinChange>{{kKey2, std::nullopt}}));
  EXPECT_EQ(resolver_.take_questions(), std::vector<NeighbourKey>{kKey2});
  present("10.0.1.2", kMac2);
  EXPECT_EQ(resolver_.take_pins(), (std::vector<PinChange>{{kKey2, kMac2}}));
  EXPECT_EQ(resolver_.find(ip("10.0.1.2"))->mac, kMac2);

  // More cards beside it change nothing.
  a.interfaces.push_back({"docker0", mac("02:42:00:00:00:01"), {}, true});
  resolver_.upsert(a);
  EXPECT_TRUE(resolver_.take_pins().empty());
}

TEST_F(ResolverPinsTest, APinThatTheKernelDroppedIsConfirmedAnew) {
  resolver_.upsert(endpoint("A", "10.0.1.2", kMac2));
  present("10.0.1.2", kMac2);
  resolver_.take_pins();
  resolver_.take_questions();
  resolver_.remove_neighbour(kKey2);  // the interface went down
  EXPECT_TRUE(owns("A", "10.0.1.2"));
  EXPECT_FALSE(resolver_.pinned(kKey2));
  EXPECT_EQ(resolver_.take_questions(), std::vector<NeighbourKey>{kKey2});
  present("10.0.1.2", kMac2);
  EXPECT_EQ(resolver_.take_pins(), (std::vector<PinChange>{{kKey2, std::nullopt}, {kKey2, kMac2}}));
}

TEST_F(ResolverPinsTest, AnAdministratorsPermanentEntryConfirmsAndIsNeverPinned) {
  resolver_.set_neighbour(kKey2, {Neighbour::State::kPresent, kMac2, true});
  auto a = endpoint("A", "10.0.1.2", kMac2);
  resolver_.upsert(a);
  EXPECT_TRUE(owns("A", "10.0.1.2"));
  a.online = false;
  resolver_.upsert(a);
  a.online = true;
  resolver_.upsert(a);
  EXPECT_TRUE(owns("A", "10.0.1.2"));
  EXPECT_TRUE(resolver_.take_pins().empty());
  EXPECT_TRUE(resolver_.take_questions().empty());
}

}  // namespace
}  // namespace postern::gateway
