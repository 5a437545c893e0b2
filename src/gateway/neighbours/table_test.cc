// What the kernel's messages make of the table, from messages made by hand.
#include "gateway/neighbours/table.h"

#include <gmock/gmock.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <array>
#include <cstring>
#include <optional>

#include "gateway/neighbours/watch.h"

namespace postern::gateway {
namespace {

using testing::IsEmpty;

/// Messages as the kernel writes them, made by hand.
class Message {
 public:
  template <class Header>
  Message(std::uint16_t type, const Header& header) {
    nlmsghdr h{};
    h.nlmsg_type = type;
    put(&h, sizeof h);
    put(&header, sizeof header);
  }
  Message& attribute(std::uint16_t type, ByteView bytes) {
    const std::uint16_t head[2] = {static_cast<std::uint16_t>(4 + bytes.size()), type};
    put(head, sizeof head);
    put(bytes.data(), bytes.size());
    return *this;
  }
  Bytes bytes() const {
    Bytes out = bytes_;
    const auto length = static_cast<std::uint32_t>(out.size());
    std::memcpy(out.data(), &length, 4);
    return out;
  }

 private:
  void put(const void* data, std::size_t size) {
    const auto* raw = static_cast<const std::uint8_t*>(data);
    bytes_.insert(bytes_.end(), raw, raw + size);
    while (bytes_.size() % 4) bytes_.push_back(0);
  }
  Bytes bytes_;
};

Bytes link(unsigned index, const char* name, bool added = true) {
  ifinfomsg h{};
  h.ifi_index = static_cast<int>(index);
  h.ifi_type = 1;
  const Bytes mac = {2, 0, 0, 0, 0, static_cast<std::uint8_t>(index)};
  return Message(added ? RTM_NEWLINK : RTM_DELLINK, h)
      .attribute(IFLA_IFNAME, {reinterpret_cast<const std::uint8_t*>(name), std::strlen(name) + 1})
      .attribute(IFLA_ADDRESS, mac)
      .bytes();
}

Bytes neighbour(unsigned index, std::array<std::uint8_t, 4> ip, std::uint16_t state, bool added = true,
                std::uint8_t protocol = 0, std::uint8_t card = 2) {
  ndmsg h{};
  h.ndm_family = AF_INET;
  h.ndm_ifindex = static_cast<int>(index);
  h.ndm_state = state;
  const Bytes mac = {2, 9, 15, 0, 1, card};
  Message m(added ? RTM_NEWNEIGH : RTM_DELNEIGH, h);
  m.attribute(NDA_DST, ip);
  if (state != NUD_INCOMPLETE && state != NUD_FAILED) m.attribute(NDA_LLADDR, mac);
  const Bytes mark = {protocol};
  if (protocol != 0) m.attribute(NDA_PROTOCOL, mark);
  return m.bytes();
}

TEST(NetworkTable, FollowsNeighboursThroughTheirStates) {
  NetworkTable table;
  table.take(link(3, "port1"));
  EXPECT_TRUE(table.take_interfaces_changed());
  table.take(link(3, "port1"));
  EXPECT_FALSE(table.take_interfaces_changed());
  const NeighbourKey key = {"port1", IpAddress::v4({10, 0, 1, 2})};
  const auto step = [&](std::uint16_t state) {
    table.take(neighbour(3, {10, 0, 1, 2}, state));
    return table.take_neighbours();
  };
  auto changes = step(NUD_INCOMPLETE);
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_EQ(changes[0].first, key);
  EXPECT_EQ(changes[0].second->state, Neighbour::State::kAsking);
  changes = step(NUD_REACHABLE);
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_EQ(changes[0].second->mac.str(), "02:09:0f:00:01:02");
  EXPECT_THAT(step(NUD_STALE), IsEmpty());  // the same answer
  EXPECT_THAT(step(NUD_PROBE), IsEmpty());
  EXPECT_EQ(step(NUD_FAILED).at(0).second->state, Neighbour::State::kAbsent);
  table.take(neighbour(3, {10, 0, 1, 2}, NUD_FAILED, false));
  EXPECT_EQ(table.take_neighbours().at(0).second, std::nullopt);
  EXPECT_THAT(step(NUD_NOARP), IsEmpty());
  table.take(neighbour(9, {10, 0, 1, 2}, NUD_REACHABLE));  // of no interface that we know
  EXPECT_THAT(table.take_neighbours(), IsEmpty());
}

TEST(NetworkTable, TellsPinnedEntriesFromAnAdministrators) {
  NetworkTable table;
  table.take(link(3, "port1"));
  const NeighbourKey ours = {"port1", IpAddress::v4({10, 0, 1, 2})}, theirs = {"port1", IpAddress::v4({10, 0, 1, 3})};
  table.take(neighbour(3, {10, 0, 1, 2}, NUD_PERMANENT, true, kPinProtocol));
  table.take(neighbour(3, {10, 0, 1, 3}, NUD_PERMANENT, true, 4));
  EXPECT_THAT(table.pinned(), testing::ElementsAre(ours));
  EXPECT_FALSE(table.find(ours)->lasting);
  EXPECT_TRUE(table.find(theirs)->lasting);
  table.take_neighbours();
  table.take(
      neighbour(3, {10, 0, 1, 2}, NUD_STALE, true, kPinProtocol));  // the mark stays when somebody else unpins it
  EXPECT_FALSE(table.pinned(ours));
  EXPECT_THAT(table.take_neighbours(), IsEmpty());
  table.take(neighbour(3, {10, 0, 1, 2}, NUD_PERMANENT));
  EXPECT_EQ(table.take_neighbours().size(), 1u);
  EXPECT_TRUE(table.find(ours)->lasting);
}

TEST(NetworkTable, APinLeftByAnotherGatewayIsNotToldOfUntilItsCardAnswers) {
  NetworkTable table;
  table.take(link(3, "port1"));
  const NeighbourKey key = {"port1", IpAddress::v4({10, 0, 1, 2})};
  const auto ask = [&] {
    table.take(neighbour(3, {10, 0, 1, 2}, NUD_PERMANENT, true, kPinProtocol));
    table.take(neighbour(3, {10, 0, 1, 2}, NUD_PROBE));
  };
  ask();
  EXPECT_THAT(table.take_neighbours(), IsEmpty());
  EXPECT_TRUE(table.left(key));
  EXPECT_THAT(table.pinned(), IsEmpty());
  table.take(neighbour(3, {10, 0, 1, 2}, NUD_REACHABLE));
  ASSERT_EQ(table.take_neighbours().size(), 1u);
  EXPECT_FALSE(table.left(key));
  // Our own say what they say, also in events that come late.
  table.own(key, true);
  ask();
  EXPECT_FALSE(table.left(key));
  table.own(key, false);

  ask();
  table.take_neighbours();
  table.take(neighbour(3, {10, 0, 1, 2}, NUD_FAILED));
  EXPECT_EQ(table.take_neighbours().at(0).second->state, Neighbour::State::kAbsent);
  EXPECT_THAT(table.take_unsettled(), testing::ElementsAre(key)) << "everybody is to be asked";
  EXPECT_THAT(table.take_unsettled(), IsEmpty());
  table.take(neighbour(3, {10, 0, 1, 2}, NUD_FAILED));
  EXPECT_THAT(table.take_unsettled(), IsEmpty()) << "everybody has been";
}

TEST(NetworkTable, WhoMovesAPinLeftByAnotherGatewayBeforeItsCardAnswersIsNotBelieved) {
  NetworkTable table;
  table.take(link(3, "port1"));
  const NeighbourKey key = {"port1", IpAddress::v4({10, 0, 1, 2})};
  table.take(neighbour(3, {10, 0, 1, 2}, NUD_PERMANENT, true, kPinProtocol));
  table.take(neighbour(3, {10, 0, 1, 2}, NUD_PROBE));
  for (const auto state : {NUD_STALE, NUD_REACHABLE}) {
    table.take(neighbour(3, {10, 0, 1, 2}, state, true, 0, 0x99));
    EXPECT_THAT(table.take_neighbours(), IsEmpty());
    EXPECT_THAT(table.take_unsettled(), testing::ElementsAre(key));
    EXPECT_EQ(table.left(key)->str(), "02:09:0f:00:01:02");
  }
  table.give_up(key);
  EXPECT_EQ(table.take_neighbours().at(0).second->mac.str(), "02:09:0f:00:01:99");
  table.give_up(key);
  EXPECT_THAT(table.take_neighbours(), IsEmpty());
}

TEST(NetworkTable, WhatAReadingDoesNotListIsGone) {
  NetworkTable table;
  table.take(link(3, "port1"));
  table.take(link(4, "port2"));
  table.take(neighbour(3, {10, 0, 1, 2}, NUD_REACHABLE));
  table.take(neighbour(3, {10, 0, 1, 3}, NUD_REACHABLE));
  table.take(neighbour(4, {10, 0, 2, 3}, NUD_REACHABLE));
  table.take_neighbours();
  table.begin_reading();
  table.take(link(3, "port1"));
  table.take(neighbour(3, {10, 0, 1, 3}, NUD_REACHABLE));
  table.end_reading();
  std::vector<std::string> gone;
  for (const auto& [key, n] : table.take_neighbours()) gone.push_back(n ? "kept?" : key.interface + " " + key.ip.str());
  EXPECT_THAT(gone, testing::ElementsAre("port1 10.0.1.2", "port2 10.0.2.3"));
  EXPECT_EQ(table.interfaces().size(), 1u);
}

TEST(NetworkTable, NextHopsAreThoseOfTheRoutesReadLast) {
  rtmsg h{};
  h.rtm_family = AF_INET;
  const Bytes one = {10, 0, 1, 254}, two = {10, 0, 1, 253};
  Bytes via = {AF_INET6 & 0xff, AF_INET6 >> 8};
  const auto far = *IpAddress::parse("fd00::1");
  via.insert(via.end(), far.bytes().begin(), far.bytes().end());
  const std::uint16_t inner[2] = {4 + 4, RTA_GATEWAY};
  Bytes hops;
  rtnexthop hop{};
  hop.rtnh_len = sizeof hop + 8;
  for (const auto* raw : {&one, &two}) {
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(&hop);
    hops.insert(hops.end(), bytes, bytes + sizeof hop);
    bytes = reinterpret_cast<const std::uint8_t*>(inner);
    hops.insert(hops.end(), bytes, bytes + 4);
    hops.insert(hops.end(), raw->begin(), raw->end());
  }
  const auto multipath = Message(RTM_NEWROUTE, h).attribute(RTA_MULTIPATH, hops).bytes();
  const auto mixed = Message(RTM_NEWROUTE, h).attribute(RTA_VIA, via).bytes();
  NetworkTable table;
  table.begin_routes();
  EXPECT_FALSE(table.routes_outdated());
  table.take(multipath);
  table.take(mixed);
  table.end_routes(true);
  EXPECT_TRUE(table.take_next_hops_changed());
  const auto first = IpAddress::v4({10, 0, 1, 254}), second = IpAddress::v4({10, 0, 1, 253});
  EXPECT_THAT(table.next_hops(), testing::UnorderedElementsAre(first, second, far));
  EXPECT_FALSE(table.routes_outdated());
  table.take(Message(RTM_DELROUTE, h).attribute(RTA_GATEWAY, one).bytes());
  EXPECT_TRUE(table.routes_outdated());
  table.begin_routes();
  table.take(Message(RTM_NEWROUTE, h).attribute(RTA_GATEWAY, two).bytes());
  table.end_routes(false);
  EXPECT_FALSE(table.take_next_hops_changed()) << "a reading that was interrupted takes nothing away";
  table.begin_routes();
  table.take(Message(RTM_NEWROUTE, h).attribute(RTA_GATEWAY, two).bytes());
  table.end_routes(true);
  EXPECT_TRUE(table.take_next_hops_changed());
  EXPECT_THAT(table.next_hops(), testing::ElementsAre(second));
  // Lengths that lie.
  hop.rtnh_len = 0xffff;
  std::memcpy(hops.data(), &hop, sizeof hop);
  table.begin_routes();
  table.take(Message(RTM_NEWROUTE, h).attribute(RTA_MULTIPATH, hops).attribute(RTA_VIA, one).bytes());
  table.end_routes(true);
  EXPECT_THAT(table.next_hops(), IsEmpty());
}

/// A kernel with one entry, whose first removals fail.
class FakeWatch final : public NetworkWatch {
 public:
  const std::vector<LocalInterface>& interfaces() const override { return none_; }
  const std::vector<LinkState>& links() const override { return no_links_; }
  Status probe(const NeighbourKey&) override {
    if (ours || theirs) return fail(ErrorCode::kConflict, "permanent");
    return {};
  }
  Status pin(const NeighbourKey&, const MacAddress&) override { return {}; }
  Status unpin(const NeighbourKey&) override {
    if (failures > 0) {
      --failures;
      return fail(ErrorCode::kUnavailable, "busy");
    }
    ours = false;
    return {};
  }
  std::vector<NeighbourKey> pinned() const override {
    return ours ? std::vector<NeighbourKey>{{"port1", IpAddress::v4({10, 0, 1, 2})}} : std::vector<NeighbourKey>{};
  }
  std::optional<MacAddress> left(const NeighbourKey&) const override { return std::nullopt; }
  bool ours = false, theirs = false;
  int failures = 0;

 private:
  std::vector<LocalInterface> none_;
  std::vector<LinkState> no_links_;
};

TEST(NetworkWatch, AnEntryThatCouldNotBeUnpinnedIsWhenItIsAskedAbout) {
  const NeighbourKey key = {"port1", IpAddress::v4({10, 0, 1, 2})};
  FakeWatch watch;
  watch.ours = true;
  watch.failures = 1;
  EXPECT_FALSE(watch.unpin(key));
  EXPECT_TRUE(probe_unpinned(watch, key));
  EXPECT_FALSE(watch.ours);
  watch.theirs = true;
  EXPECT_EQ(probe_unpinned(watch, key).error().code, ErrorCode::kConflict);
}

TEST(NetworkTable, AnInterfaceMayChangeItsName) {
  NetworkTable table;
  table.take(link(3, "eth7"));
  table.take(neighbour(3, {10, 0, 1, 2}, NUD_REACHABLE));
  table.take_neighbours();
  table.take(link(3, "port1"));
  const auto changes = table.take_neighbours();
  ASSERT_EQ(changes.size(), 2u);
  EXPECT_EQ(changes[0].first.interface, "eth7");
  EXPECT_FALSE(changes[0].second);
  EXPECT_EQ(changes[1].first.interface, "port1");
  EXPECT_TRUE(changes[1].second);
  table.take(link(3, "port1", false));
  EXPECT_EQ(table.take_neighbours().size(), 1u);
  EXPECT_THAT(table.interfaces(), IsEmpty());
}

}  // namespace
}  // namespace postern::gateway
