// Sources that are routed elsewhere, in a real kernel.
#include "gateway/firewall/firewall_lab.h"

namespace postern::gateway::firewall {
namespace {

class SourceCheckLab : public FirewallLab {
 protected:
  /// Does a packet from this source reach the server? Sent by the client, which has the address beside its own.
  bool arrives(const char* source) {
    bool came = false;
    Socket receiver;
    lab.in("s", [&] {
      receiver = Socket(socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
      const auto where = at("10.0.3.10", 4000);
      ASSERT_EQ(bind(receiver.fd(), reinterpret_cast<const sockaddr*>(&where), sizeof where), 0);
    });
    EXPECT_TRUE(lab.run(fmt::format("ip -n {} address replace {}/32 dev eth0", lab.name("c"), source)));
    lab.in("c", [&] {
      Socket sender(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
      const auto from = at(source, 0), to = at("10.0.3.10", 4000);
      ASSERT_EQ(bind(sender.fd(), reinterpret_cast<const sockaddr*>(&from), sizeof from), 0);
      ASSERT_EQ(sendto(sender.fd(), "x", 1, 0, reinterpret_cast<const sockaddr*>(&to), sizeof to), 1);
    });
    came = !receiver.receive(kSilence).empty();
    return came;
  }
  void gateway(const std::string& command) { ASSERT_TRUE(lab.run("ip -n " + lab.name("g") + " " + command)) << command; }
};

TEST_F(SourceCheckLab, WhatIsRoutedElsewhereIsDroppedUnderPoliciesForAnyInterface) {
  auto open = policy(1, Action::kAccept, {});
  open.from = open.to = {};
  wall->model().set_policies({open});
  apply();
  // The kernel's own check is off, so that only ours decides.
  gateway("link add other0 type veth peer name other1");
  gateway("link set other0 up");
  gateway("link set other1 up");
  gateway("route add 192.0.2.0/24 dev other0");
  ASSERT_TRUE(lab.run("ip netns exec " + lab.name("g") +
                      " sh -c 'for f in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 0 > $f; done'"));
  EXPECT_TRUE(arrives("10.0.1.2"));
  EXPECT_FALSE(arrives("192.0.2.7")) << "routed to other0";
  EXPECT_FALSE(arrives("198.51.100.1")) << "routed nowhere";
  wall->model().set_unchecked({"port1"});
  apply();
  EXPECT_TRUE(arrives("192.0.2.7"));
  EXPECT_TRUE(arrives("198.51.100.1"));
  wall->model().set_unchecked({"other0"});
  apply();
  EXPECT_FALSE(arrives("192.0.2.7"));
  gateway("route replace 192.0.2.0/24 dev port1");
  EXPECT_TRUE(arrives("192.0.2.7")) << "the kernel's routes are asked for each packet";
}

}  // namespace
}  // namespace postern::gateway::firewall
