// While a large table is built anew, nobody speaks in the name of an endpoint, not even where a policy asks for no tag.
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <atomic>
#include <cstring>

#include "gateway/firewall/firewall_lab.h"

namespace postern::gateway::firewall {
namespace {

/// A datagram to the server in somebody's name, as a whole frame.
class Forger {
 public:
  Forger(const PacketLab& lab, const std::string& source, const MacAddress& card, const MacAddress& gateway) {
    lab.in("c", [&] {
      socket_ = Socket(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
      to_.sll_family = AF_PACKET;
      to_.sll_ifindex = static_cast<int>(if_nametoindex("eth0"));
    });
    ether_header ether{};
    std::copy_n(gateway.bytes().data(), 6, ether.ether_dhost);
    std::copy_n(card.bytes().data(), 6, ether.ether_shost);
    ether.ether_type = htons(ETHERTYPE_IP);
    iphdr ip{};
    ip.version = 4;
    ip.ihl = 5;
    ip.ttl = 64;
    ip.protocol = IPPROTO_UDP;
    ip.tot_len = htons(sizeof ip + sizeof(udphdr) + 4);
    inet_pton(AF_INET, source.c_str(), &ip.saddr);
    inet_pton(AF_INET, "10.0.3.10", &ip.daddr);
    std::uint32_t sum = 0;
    std::uint16_t words[sizeof ip / 2];
    std::memcpy(words, &ip, sizeof ip);
    for (const auto word : words) sum += word;
    while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
    ip.check = static_cast<std::uint16_t>(~sum);
    udphdr udp{};
    udp.source = htons(4000);
    udp.dest = htons(9999);
    udp.len = htons(sizeof udp + 4);
    frame_.append(reinterpret_cast<const char*>(&ether), sizeof ether);
    frame_.append(reinterpret_cast<const char*>(&ip), sizeof ip);
    frame_.append(reinterpret_cast<const char*>(&udp), sizeof udp);
    frame_.append("here");
  }
  void send() const {
    sendto(socket_.fd(), frame_.data(), frame_.size(), MSG_DONTWAIT, reinterpret_cast<const sockaddr*>(&to_), sizeof to_);
  }

 private:
  Socket socket_;
  sockaddr_ll to_{};
  std::string frame_;
};

class GuardTest : public FirewallLab {
 protected:
  /// As a gateway that starts over what one before it left.
  void open_again() {
    wall.reset();
    lab.in("g", [&] {
      auto opened = Firewall::open("postern");
      ASSERT_TRUE(opened) << opened.error().message;
      wall = std::move(*opened);
    });
    fill();
  }
  void fill() {
    Policy open = policy(1, Action::kAccept, {});
    wall->model().set_policies({open, policy(2, Action::kAccept, {"EMS1_ZTNA_T"})});
    wall->model().set_piece(32);
    auto entry = endpoint;
    entry.tags = entry.known = {"EMS1_ZTNA_T"};
    wall->model().upsert(entry);
    for (unsigned i = 0; i < 4'000; ++i) {
      entry.ip = IpAddress::v4({10, 0, static_cast<std::uint8_t>(16 + (i >> 8)), static_cast<std::uint8_t>(i)});
      wall->model().upsert(entry);
    }
  }
};

TEST_F(GuardTest, NobodySpeaksInTheNameOfAnEndpointWhileALargeTableIsBuiltAnew) {
  Socket server;
  lab.in("s", [&] {
    server = Socket(socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const auto where = at("10.0.3.10", 9999);
    ASSERT_EQ(bind(server.fd(), reinterpret_cast<const sockaddr*>(&where), sizeof where), 0);
  });
  std::string address;
  lab.in("g", [&] {
    ifreq ask{};
    std::strcpy(ask.ifr_name, "port1");
    const Socket any(socket(AF_INET, SOCK_DGRAM, 0));
    ASSERT_EQ(ioctl(any.fd(), SIOCGIFHWADDR, &ask), 0);
    address.assign(ask.ifr_hwaddr.sa_data, 6);
  });
  const auto gateway = *MacAddress::from_bytes(address);
  fill();
  apply();
  const Forger owner(lab, "10.0.1.2", endpoint.mac, gateway);
  const Forger other(lab, "10.0.1.2", *MacAddress::parse("02:66:66:66:66:66"), gateway);
  owner.send();
  EXPECT_EQ(server.receive(kPatience), "here");
  other.send();
  EXPECT_EQ(server.receive(kSilence), "");

  std::atomic<bool> on = true;
  std::thread sends([&] {
    while (on) other.send();
  });
  for (int round = 0; round < 3; ++round) {
    open_again();
    do {
      EXPECT_TRUE(wall->apply());
    } while (wall->unfinished());
  }
  on = false;
  sends.join();
  EXPECT_EQ(server.receive(kSilence), "");
  owner.send();
  EXPECT_EQ(server.receive(kPatience), "here");
  EXPECT_FALSE(lab.run("ip netns exec " + lab.name("g") + " nft list tables | grep guard"));
}

}  // namespace
}  // namespace postern::gateway::firewall
