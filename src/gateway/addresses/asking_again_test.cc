#include "gateway/addresses/asking_again.h"

#include <gtest/gtest.h>

namespace postern::gateway {
namespace {

class AskingAgainTest : public testing::Test {
 protected:
  AskingAgainTest() {
    resolver_.set_interfaces({{"port1", mac_of(1), {{ip("10.0.1.1"), 24}, {ip("fd00:1::1"), 64}}}});
    for (const char* address : {"10.0.1.2", "fd00:1::2"}) record_.interfaces.push_back({"eth0", mac_of(2), {ip(address)}, true});
    record_.key = {1, EndpointUid("A")};
    record_.registered = record_.online = record_.share_connected = true;
    record_.routes = {{"eth0", ip("10.0.1.1"), mac_of(1), ip("10.0.1.2"), false, 0}};
    resolver_.upsert(record_);
    for (const char* address : {"10.0.1.2", "fd00:1::2"}) say(address, {Neighbour::State::kPresent, mac_of(2), false});
  }
  static IpAddress ip(const char* text) { return *IpAddress::parse(text); }
  static MacAddress mac_of(int last) { return *MacAddress::parse("02:09:0f:00:01:0" + std::to_string(last)); }
  static NeighbourKey key(const char* address) { return {"port1", ip(address)}; }
  void say(const char* address, Neighbour answer) { resolver_.set_neighbour(key(address), answer); }
  /// The seconds within `long_` at which fd00:1::2 is asked about; the network says the same each time.
  std::vector<int> asked(int long_, const Neighbour& answer) {
    std::vector<int> out;
    for (int i = 0; i < long_; ++i) {
      for (const auto& question : asking_.due(now_, resolver_)) {
        EXPECT_EQ(question, key("fd00:1::2"));
        out.push_back(i);
        say("fd00:1::2", {Neighbour::State::kAsking, {}, false});
      }
      now_ += Seconds(1);
      if (resolver_.why(record_.key, ip("fd00:1::2")) == ResolveReason::kNeighbourUnknown && answered_) say("fd00:1::2", answer);
    }
    return out;
  }

  Resolver resolver_;
  Record record_;
  AskingAgain asking_;
  MonoTime now_{Seconds(1000)};
  bool answered_ = true;
};

const Neighbour kNobody{Neighbour::State::kAbsent, {}, false};

TEST_F(AskingAgainTest, WhatIsConfirmedIsNotAskedAbout) {
  EXPECT_TRUE(asked(300, kNobody).empty());
  resolver_.remove(record_.key);
  say("fd00:1::2", kNobody);
  EXPECT_TRUE(asked(300, kNobody).empty()) << "nor what nobody claims";
}

TEST_F(AskingAgainTest, WhereNobodyAnswersItIsAskedLessAndLessOften) {
  say("fd00:1::2", kNobody);
  EXPECT_EQ(asked(240, kNobody), (std::vector<int>{5, 15, 35, 75, 135, 195}));
  say("fd00:1::2", {Neighbour::State::kPresent, mac_of(2), false});
  ASSERT_EQ(resolver_.why(record_.key, ip("fd00:1::2")), ResolveReason::kResolved);
  EXPECT_TRUE(asked(130, kNobody).empty());
  say("fd00:1::2", {Neighbour::State::kPresent, mac_of(4), false});
  EXPECT_EQ(asked(10, {Neighbour::State::kPresent, mac_of(4), false}), std::vector<int>{5}) << "anew";
}

TEST_F(AskingAgainTest, WhoAnsweredForSomebodyElseIsAskedWhetherItIsStillThere) {
  const Neighbour impostor{Neighbour::State::kPresent, mac_of(4), false};
  say("fd00:1::2", impostor);
  ASSERT_EQ(resolver_.why(record_.key, ip("fd00:1::2")), ResolveReason::kNeighbourDiffers);
  EXPECT_EQ(asked(30, impostor), (std::vector<int>{5, 15}));
  // It is gone: that is news, and everybody is asked soon.
  say("fd00:1::2", kNobody);
  EXPECT_EQ(asked(30, kNobody), (std::vector<int>{5, 15}));
}

TEST_F(AskingAgainTest, WhileAnAnswerIsAwaitedNothingIsAsked) {
  say("fd00:1::2", kNobody);
  answered_ = false;
  EXPECT_EQ(asked(60, kNobody), std::vector<int>{5});
}

TEST_F(AskingAgainTest, AnAdministratorsEntryStandsByItself) {
  const Neighbour lasting{Neighbour::State::kPresent, mac_of(4), true};
  say("fd00:1::2", lasting);
  ASSERT_EQ(resolver_.why(record_.key, ip("fd00:1::2")), ResolveReason::kNeighbourDiffers);
  EXPECT_TRUE(asked(120, lasting).empty());
}

TEST_F(AskingAgainTest, WhoClaimsWhatAnotherHasConfirmedAsksNobody) {
  auto other = record_;
  other.key.uid = EndpointUid("B");
  for (auto& interface : other.interfaces) interface.mac = mac_of(5);
  resolver_.upsert(other);
  ASSERT_EQ(resolver_.why(other.key, ip("fd00:1::2")), ResolveReason::kNeighbourDiffers);
  EXPECT_TRUE(asked(120, kNobody).empty());
}

}  // namespace
}  // namespace postern::gateway
