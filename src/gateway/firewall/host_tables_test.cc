// Other tables of the host: what they translate, and what they judge by the state of connections.
#include "gateway/firewall/firewall_lab.h"

namespace postern::gateway::firewall {
namespace {

class HostTablesTest : public FirewallLab {
 protected:
  void host_table(const std::string& body) {
    ASSERT_TRUE(lab.run("ip netns exec " + lab.name("g") + " nft 'table ip host { " + body + "; }'"));
  }
  Socket listen_at(std::string_view part, const char* ip, std::uint16_t port) {
    Socket out;
    lab.in(part, [&] {
      out = Socket(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
      const auto where = at(ip, port);
      EXPECT_EQ(bind(out.fd(), reinterpret_cast<const sockaddr*>(&where), sizeof where), 0);
      EXPECT_EQ(listen(out.fd(), 16), 0);
    });
    return out;
  }
  /// From the client to that address, where this listener hears of it.
  std::pair<Socket, Socket> open(const char* ip, std::uint16_t port, const Socket& heard_by) {
    Socket client;
    lab.in("c", [&] { client = Socket(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)); });
    const auto where = at(ip, port);
    ::connect(client.fd(), reinterpret_cast<const sockaddr*>(&where), sizeof where);
    EXPECT_TRUE(client.ready(POLLOUT, kPatience));
    EXPECT_TRUE(heard_by.ready(POLLIN, kPatience));
    Socket server(accept4(heard_by.fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    return {std::move(client), std::move(server)};
  }
  Forgotten change(std::set<std::string> tags) {
    endpoint.tags = endpoint.known = std::move(tags);
    wall->model().upsert(endpoint);
    EXPECT_TRUE(wall->apply());
    const auto cleanup = wall->take_cleanup({*IpAddress::parse("10.0.1.1")});
    return cleanup ? cleanup() : Forgotten();
  }
};

TEST_F(HostTablesTest, ConnectionsToTheGatewayItselfStayTracked) {
  host_table(
      "chain input { type filter hook input priority 0; policy accept; ct state established,related accept; "
      "tcp flags & (fin|syn|rst|ack) != syn ct state new drop; }");
  wall->model().set_policies({policy(1, Action::kAccept, {"EMS1_ZTNA_T"})});
  change({"EMS1_ZTNA_T"});
  renew(60);
  const auto heard_by = listen_at("g", "10.0.1.1", 7000);
  auto [client, server] = open("10.0.1.1", 7000, heard_by);
  for (const auto& tags : {std::set<std::string>{"EMS1_ZTNA_T", "EMS1_ZTNA_U"}, std::set<std::string>{}}) {
    EXPECT_TRUE(change(tags).cuts.empty());
    ASSERT_TRUE(client.send("on"));
    EXPECT_EQ(server.receive(kPatience), "on");
  }
}

TEST_F(HostTablesTest, WhatTheHostTranslatesIsJudgedByWhereItGoes) {
  host_table(
      "chain pre { type nat hook prerouting priority -100; ip daddr 10.0.1.1 tcp dport 81 dnat to 10.0.3.10:8080; }");
  Policy to_server = policy(1, Action::kAccept, {"EMS1_ZTNA_T"});
  to_server.destinations = {{*IpAddress::parse("10.0.3.10"), *IpAddress::parse("10.0.3.10")}};
  to_server.services = {{config::ServiceConfig::Protocol::kTcpUdp, {{8080, 8080}}, {}, {}}};
  wall->model().set_policies({to_server});
  change({"EMS1_ZTNA_T"});
  renew(60);
  auto [client, server] = open("10.0.1.1", 81, listener);
  EXPECT_TRUE(change({"EMS1_ZTNA_T", "EMS1_ZTNA_U"}).cuts.empty());
  const auto lost = change({}).cuts;
  ASSERT_EQ(lost.size(), 1u) << "what the change before it left alone";
  EXPECT_EQ(lost[0].flow.destination.str(), "10.0.3.10");
  EXPECT_EQ(lost[0].flow.port, 8080);
  EXPECT_EQ(lost[0].policy, 1u);
  ASSERT_TRUE(client.send("late"));
  EXPECT_EQ(server.receive(kSilence), "");
}

}  // namespace
}  // namespace postern::gateway::firewall
