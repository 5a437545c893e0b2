// Interfaces and neighbours of a real kernel: two network namespaces of our own with a cable between them.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <optional>
#include <thread>

#include <fmt/format.h>

#include "gateway/neighbours/reader.h"

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

class NeighboursTest : public testing::Test {
 protected:
  void SetUp() override {
    if (std::system(("ip netns add " + name("a") + " 2>/dev/null").c_str()) != 0) {
      GTEST_SKIP() << "network namespaces can't be made here (EPERM?)";
    }
    for (const char* command :
         {"ip netns add {b}", "ip -n {a} link add port1 type veth peer name eth0 netns {b}",
          "ip -n {b} link set eth0 address 02:09:0f:00:01:02 up", "ip -n {a} link set port1 up",
          "ip -n {a} address add 10.0.1.1/24 dev port1", "ip -n {b} address add 10.0.1.2/24 dev eth0",
          "ip netns exec {a} sh -c 'echo 50 > /proc/sys/net/ipv4/neigh/port1/retrans_time_ms'"}) {
      run(command);
    }
    open();
  }
  void open() {
    std::thread([&] {
      const int fd = ::open(("/run/netns/" + name("a")).c_str(), O_RDONLY | O_CLOEXEC);
      ASSERT_EQ(setns(fd, CLONE_NEWNET), 0);
      ::close(fd);
      auto opened = NetworkReader::open();
      ASSERT_TRUE(opened) << opened.error().message;
      reader = std::move(*opened);
    }).join();
  }
  void TearDown() override {
    for (const char* part : {"a", "b"}) {
      if (std::system(("ip netns del " + name(part) + " 2>/dev/null").c_str()) != 0) continue;
    }
  }
  std::string name(const char* part) const { return fmt::format("postern-nb-{}-{}", getpid(), part); }
  void run(const char* command) {
    const auto text = fmt::format(fmt::runtime(command), fmt::arg("a", name("a")), fmt::arg("b", name("b")));
    ASSERT_EQ(std::system(text.c_str()), 0) << text;
  }
  /// Takes events until `holds`, or for too long.
  bool until(const std::function<bool()>& holds) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!holds()) {
      const auto left =
          std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
      if (left.count() <= 0) return false;
      pollfd p{reader->fd(), POLLIN, 0};
      poll(&p, 1, static_cast<int>(left.count()));
      EXPECT_TRUE(reader->read());
    }
    return true;
  }
  bool is(const char* ip, Neighbour::State state, const char* mac = nullptr) {
    const auto* n = reader->table().find({"port1", *IpAddress::parse(ip)});
    return n && n->state == state && (!mac || n->mac.str() == mac);
  }

  std::unique_ptr<NetworkReader> reader;
};

TEST_F(NeighboursTest, AskingFindsWhoIsThereAndWhoIsNot) {
  const auto interfaces = reader->table().interfaces();
  ASSERT_EQ(interfaces.size(), 1u);
  EXPECT_EQ(interfaces[0].name, "port1");
  EXPECT_TRUE(interfaces[0].mac.valid());
  EXPECT_THAT(interfaces[0].addresses, testing::Contains(LocalInterface::Address{*IpAddress::parse("10.0.1.1"), 24}));

  const NeighbourKey there = {"port1", *IpAddress::parse("10.0.1.2")};
  ASSERT_EQ(reader->table().find(there), nullptr);
  auto asked = reader->probe(there);
  ASSERT_TRUE(asked) << asked.error().message;
  EXPECT_TRUE(until([&] { return is("10.0.1.2", Neighbour::State::kPresent, "02:09:0f:00:01:02"); }));

  asked = reader->probe({"port1", *IpAddress::parse("10.0.1.77")});
  ASSERT_TRUE(asked) << asked.error().message;
  EXPECT_TRUE(until([&] { return is("10.0.1.77", Neighbour::State::kAbsent); }));

  // An entry that is there is confirmed anew: when nobody answers any more, it fails.
  run("ip -n {b} address del 10.0.1.2/24 dev eth0");
  asked = reader->probe(there);
  ASSERT_TRUE(asked) << asked.error().message;
  EXPECT_TRUE(until([&] { return is("10.0.1.2", Neighbour::State::kAbsent); }));

  const auto nowhere = reader->probe({"port9", *IpAddress::parse("10.0.1.2")});
  ASSERT_FALSE(nowhere);
  EXPECT_EQ(nowhere.error().code, ErrorCode::kNotFound);
}

TEST_F(NeighboursTest, APinnedEntryIsNotMovedByAnybody) {
  const NeighbourKey there = {"port1", *IpAddress::parse("10.0.1.2")};
  const auto owner = *MacAddress::parse("02:09:0f:00:01:02");
  ASSERT_TRUE(reader->probe(there));
  ASSERT_TRUE(until([&] { return is("10.0.1.2", Neighbour::State::kPresent); }));
  ASSERT_TRUE(reader->pin(there, owner));
  EXPECT_TRUE(reader->table().pinned(there));  // before its event has come
  // Another card says that the address is its own now, unasked.
  run("ip -n {b} link set eth0 address 02:09:0f:00:01:99");
  run("ip netns exec {b} sh -c 'echo 1 > /proc/sys/net/ipv4/conf/eth0/arp_notify'");
  run("ip -n {b} link set eth0 down");
  run("ip -n {b} link set eth0 up");
  run("ip -n {b} address add 10.0.1.3/24 dev eth0");
  // What it says of 10.0.1.3 came on the same way: by now the other has arrived too.
  ASSERT_TRUE(reader->probe({"port1", *IpAddress::parse("10.0.1.3")}));
  ASSERT_TRUE(until([&] { return is("10.0.1.3", Neighbour::State::kPresent, "02:09:0f:00:01:99"); }));
  EXPECT_TRUE(is("10.0.1.2", Neighbour::State::kPresent, "02:09:0f:00:01:02"));
  EXPECT_FALSE(reader->probe(there)) << "a permanent entry is not put to the question";

  ASSERT_TRUE(reader->unpin(there));
  EXPECT_EQ(reader->table().find(there), nullptr);
  ASSERT_TRUE(reader->probe(there));
  EXPECT_TRUE(until([&] { return is("10.0.1.2", Neighbour::State::kPresent, "02:09:0f:00:01:99"); }));
  EXPECT_THAT(reader->table().pinned(), IsEmpty());
}

TEST_F(NeighboursTest, PinsOfAGatewayBeforeAreKnownAndAnAdministratorsEntriesLeftAlone) {
  const NeighbourKey ours = {"port1", *IpAddress::parse("10.0.1.2")}, theirs = {"port1", *IpAddress::parse("10.0.1.3")};
  const auto other = *MacAddress::parse("02:09:0f:00:01:99");
  ASSERT_TRUE(reader->pin(ours, *MacAddress::parse("02:09:0f:00:01:02")));
  run("ip -n {a} neigh add 10.0.1.3 lladdr 02:09:0f:00:01:03 dev port1 nud permanent");
  open();  // another process
  EXPECT_THAT(reader->table().pinned(), testing::ElementsAre(ours));
  ASSERT_TRUE(reader->pin(theirs, other));
  ASSERT_TRUE(reader->unpin(theirs));
  ASSERT_TRUE(reader->unpin(ours));
  open();
  EXPECT_THAT(reader->table().pinned(), IsEmpty());
  EXPECT_EQ(reader->table().find(ours), nullptr);
  EXPECT_TRUE(is("10.0.1.3", Neighbour::State::kPresent, "02:09:0f:00:01:03"));
  EXPECT_TRUE(reader->unpin({"port9", ours.ip})) << "what went with its interface needs no end";
}

TEST_F(NeighboursTest, APinOfAGatewayBeforeIsEvidenceOnlyOnceItsCardHasAnswered) {
  const NeighbourKey there = {"port1", *IpAddress::parse("10.0.1.2")};
  const auto owner = *MacAddress::parse("02:09:0f:00:01:02");
  std::optional<Neighbour> told;
  const auto hear = [&] {
    for (const auto& [key, neighbour] : reader->table().take_neighbours()) {
      if (key == there) told = neighbour;
    }
    return told && told->state == Neighbour::State::kPresent;
  };
  ASSERT_TRUE(reader->pin(there, owner));
  run("ip netns exec {a} sh -c 'echo 5000 > /proc/sys/net/ipv4/neigh/port1/retrans_time_ms'");
  run("ip netns exec {b} sh -c 'echo 8 > /proc/sys/net/ipv4/conf/eth0/arp_ignore'");  // it does not answer yet
  open();  // another process
  EXPECT_FALSE(hear());
  EXPECT_THAT(reader->table().pinned(), testing::ElementsAre(there));
  ASSERT_TRUE(reader->probe(there));
  EXPECT_THAT(reader->table().pinned(), IsEmpty());
  EXPECT_FALSE(hear());
  // As if somebody else had said unasked that the address is his.
  run("ip -n {a} neigh replace 10.0.1.2 lladdr 02:09:0f:00:01:99 dev port1 nud stale");
  EXPECT_TRUE(until([&] { return is("10.0.1.2", Neighbour::State::kPresent, "02:09:0f:00:01:02"); })) << "asked again";
  EXPECT_FALSE(hear());
  run("ip netns exec {b} sh -c 'echo 0 > /proc/sys/net/ipv4/conf/eth0/arp_ignore'");
  EXPECT_TRUE(until(hear));
  EXPECT_EQ(told->mac, owner);
  ASSERT_TRUE(reader->pin(there, owner));
  EXPECT_THAT(reader->table().pinned(), testing::ElementsAre(there));
}

TEST_F(NeighboursTest, WhenTheCardOfAPinOfAGatewayBeforeIsGoneEverybodyIsAsked) {
  const NeighbourKey there = {"port1", *IpAddress::parse("10.0.1.2")};
  ASSERT_TRUE(reader->pin(there, *MacAddress::parse("02:09:0f:00:01:77")));
  open();  // another process
  ASSERT_TRUE(reader->probe(there));
  EXPECT_TRUE(until([&] { return is("10.0.1.2", Neighbour::State::kPresent, "02:09:0f:00:01:02"); }));
  EXPECT_FALSE(reader->table().left(there));
}

TEST_F(NeighboursTest, NextHopsFollowTheKernelsRoutes) {
  const auto are = [&](std::set<IpAddress> want) { return until([&] { return reader->table().next_hops() == want; }); };
  const auto a = *IpAddress::parse("10.0.1.2"), b = *IpAddress::parse("10.0.1.3"), c = *IpAddress::parse("fd00:1::9");
  EXPECT_THAT(reader->table().next_hops(), IsEmpty());
  run("ip -n {a} route add default via 10.0.1.2");
  EXPECT_TRUE(are({a}));
  run("ip -n {a} route replace default via 10.0.1.3");  // the kernel says nothing of the old one
  EXPECT_TRUE(are({b}));
  run("ip -n {a} address add fd00:1::1/64 dev port1 nodad");
  run("ip -n {a} route add fd00:2::/64 via fd00:1::9");
  run("ip -n {a} route add 10.7.0.0/16 table 77 nexthop via 10.0.1.2 nexthop via 10.0.1.3");
  EXPECT_TRUE(are({a, b, c}));
  open();  // another process reads what is there
  EXPECT_THAT(reader->table().next_hops(), testing::UnorderedElementsAre(a, b, c));
  run("ip -n {a} link set port1 down");  // takes IPv4's along without a word
  EXPECT_TRUE(are({}));
}

TEST_F(NeighboursTest, AnInterfaceThatGoesDownTakesItsPinsAlong) {
  const NeighbourKey there = {"port1", *IpAddress::parse("10.0.1.2")};
  ASSERT_TRUE(reader->pin(there, *MacAddress::parse("02:09:0f:00:01:02")));
  run("ip -n {a} link set port1 down");
  EXPECT_TRUE(until([&] { return reader->table().find(there) == nullptr; }));
  run("ip -n {a} link set port1 up");
  EXPECT_TRUE(reader->unpin(there));
  ASSERT_TRUE(reader->probe(there));
  EXPECT_TRUE(until([&] { return is("10.0.1.2", Neighbour::State::kPresent, "02:09:0f:00:01:02"); }));
}

TEST_F(NeighboursTest, EventsTellOfNewAddressesAndLinks) {
  reader->table().take_interfaces_changed();
  run("ip -n {a} address add 10.0.9.1/24 dev port1");
  EXPECT_TRUE(until([&] { return reader->table().take_interfaces_changed(); }));
  const auto changed = reader->table().interfaces();
  EXPECT_THAT(changed[0].addresses, testing::Contains(LocalInterface::Address{*IpAddress::parse("10.0.9.1"), 24}));
  run("ip -n {a} link add port2 type veth peer name other");
  EXPECT_TRUE(until([&] { return reader->table().index_of("port2").has_value(); }));
  run("ip -n {a} link del port2");
  EXPECT_TRUE(until([&] { return !reader->table().index_of("port2"); }));
}

}  // namespace
}  // namespace postern::gateway
