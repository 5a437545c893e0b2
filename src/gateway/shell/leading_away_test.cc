#include "gateway/shell/leading_away.h"

#include <gtest/gtest.h>

namespace postern::gateway {
namespace {

/// Access proxy 7: API gateway 1 leads to these servers, 2 forwards TCP to these destinations.
ProxyPlan led_plan(std::vector<const char*> servers, std::string destinations, std::uint32_t pool) {
  ProxyPlan out;
  policy::Proxy proxy;
  proxy.id = 7;
  policy::ApiGateway web, tcp;
  web.id = 1, web.pool = pool;
  tcp.id = 2, tcp.pool = 100 + pool;
  proxy.api_gateways = {web, tcp};
  out.table.proxies = {proxy};
  NginxPool to_servers, to_destinations;
  to_servers.id = web.pool;
  for (const auto* address : servers) {
    NginxRealServer s;
    s.address = *IpAddress::parse(address);
    s.port = 80;
    s.number = pool * 10 + static_cast<std::uint32_t>(to_servers.servers.size());
    to_servers.servers.push_back(s);
  }
  to_destinations.id = tcp.pool;
  to_destinations.destinations = std::move(destinations);
  out.pools = {to_servers, to_destinations};
  return out;
}

std::map<Sha256, GatewayCore::SessionsByPlace> tunnels(std::vector<std::string> destinations) {
  std::map<Sha256, GatewayCore::SessionsByPlace> out;
  for (auto& d : destinations) {
    SessionPlace place;
    place.proxy = 7;
    place.destination = std::move(d);
    out[Sha256{}][place] = 1;
  }
  return out;
}

TEST(LeadingAway, EndsWhatGoesToServersThatAreTakenOut) {
  const auto before = led_plan({"10.0.3.1", "10.0.3.2"}, "", 1);
  EXPECT_TRUE(led_away(before, before, {}).empty());
  // One of them stays, under a number of its own.
  auto orders = led_away(before, led_plan({"10.0.3.2"}, "", 2), {});
  ASSERT_EQ(orders.size(), 1u);
  EXPECT_EQ(orders[0].proxy, 7u);
  EXPECT_EQ(orders[0].api_gateway, 1u);
  EXPECT_EQ(orders[0].server, 10u);
  EXPECT_EQ(orders[0].administrator, "");
  // All are others; and all stay, although the pool has another meaning.
  EXPECT_EQ(led_away(before, led_plan({"10.0.3.3"}, "", 2), {}).size(), 2u);
  EXPECT_TRUE(led_away(before, led_plan({"10.0.3.2", "10.0.3.1", "10.0.3.3"}, "", 2), {}).empty());
  // The access proxy has gone: its policies have, too.
  EXPECT_TRUE(led_away(before, ProxyPlan(), {}).empty());
}

TEST(LeadingAway, EndsTunnelsWhoseDestinationIsTakenOut) {
  const auto before = led_plan({}, "10.0.3.1-10.0.3.9 22 5432;db.example 5432", 1);
  const auto open = tunnels({"10.0.3.4:22", "10.0.3.4:5432", "db.example:5432"});
  EXPECT_TRUE(led_away(before, before, open).empty());
  const auto orders = led_away(before, led_plan({}, "10.0.3.1-10.0.3.9 22", 2), open);
  ASSERT_EQ(orders.size(), 2u);
  EXPECT_EQ(orders[0].destination, "10.0.3.4:5432");
  EXPECT_EQ(orders[1].destination, "db.example:5432");
  EXPECT_EQ(orders[1].proxy, 7u);
  EXPECT_EQ(led_away(before, led_plan({}, "", 2), open).size(), 3u);
  EXPECT_EQ(led_away(before, before, tunnels({"no sense"})).size(), 1u);
  EXPECT_TRUE(led_away(before, led_plan({"10.0.3.1"}, "10.0.3.1-10.0.3.9 22 5432;db.example 5432", 2), open).empty());
}

TEST(LeadingAway, WhatIsLedToAgainIsLeftAlone) {
  const auto before = led_plan({"10.0.3.1"}, "10.0.3.4 22;10.0.3.5 22", 1);
  const auto without = led_plan({"10.0.3.2"}, "10.0.3.5 22", 2);
  const auto orders = led_away(before, without, tunnels({"10.0.3.4:22"}));
  ASSERT_EQ(orders.size(), 2u);
  EXPECT_EQ(still_away(orders, without).size(), 2u);
  EXPECT_EQ(still_away(orders, ProxyPlan()).size(), 2u);
  EXPECT_TRUE(still_away(orders, before).empty());
  // One of both.
  const auto left = still_away(orders, led_plan({"10.0.3.2"}, "10.0.3.4 22", 3));
  ASSERT_EQ(left.size(), 1u);
  EXPECT_EQ(left[0].server, 10u);
}

}  // namespace
}  // namespace postern::gateway
