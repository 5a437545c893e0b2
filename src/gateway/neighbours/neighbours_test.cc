// Interfaces and neighbours of a real kernel: two network namespaces of our own with a cable between them.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <sched.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <functional>
#include <optional>
#include <set>
#include <thread>

#include <fmt/format.h>

#include "gateway/neighbours/reader.h"

namespace postern::gateway {
namespace {

using testing::IsEmpty;

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
