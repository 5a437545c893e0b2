#include "gateway/shell/leading_away.h"

#include <gtest/gtest.h>

#include <set>

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

OpenSessions tunnels(std::vector<std::string> destinations) {
  OpenSessions out;
  for (auto& d : destinations) {
    SessionPlace place;
    place.proxy = 7;
    place.destination = std::move(d);
    out[Sha256{}][place] = 1;
  }
  return out;
}

/// API gateway 3 of the same access proxy forwards to these destinations, too.
ProxyPlan with_another(ProxyPlan plan, std::string destinations, std::uint32_t pool) {
  policy::ApiGateway other;
  other.id = 3, other.pool = pool;
  plan.table.proxies[0].api_gateways.push_back(other);
  NginxPool to;
  to.id = pool;
  to.destinations = std::move(destinations);
  plan.pools.push_back(to);
  return plan;
}

SessionPlace tunnel_to(std::string destination) {
  SessionPlace out;
  out.proxy = 7;
  out.destination = std::move(destination);
  return out;
}

std::vector<ecshm::ClearOrder> servers_away(const ProxyPlan& before, const ProxyPlan& now) {
  LeadingAway led;
  EXPECT_TRUE(led.use(before, {}).empty());
  return led.use(now, {});
}

TEST(LeadingAway, EndsWhatGoesToServersThatAreTakenOut) {
  const auto before = led_plan({"10.0.3.1", "10.0.3.2"}, "", 1);
  EXPECT_TRUE(servers_away(before, before).empty());
  // One of them stays, under a number of its own.
  auto orders = servers_away(before, led_plan({"10.0.3.2"}, "", 2));
  ASSERT_EQ(orders.size(), 1u);
  EXPECT_EQ(orders[0].proxy, 7u);
  EXPECT_EQ(orders[0].api_gateway, 1u);
  EXPECT_EQ(orders[0].server, 10u);
  EXPECT_EQ(orders[0].administrator, "");
  // All are others; and all stay, although the pool has another meaning.
  EXPECT_EQ(servers_away(before, led_plan({"10.0.3.3"}, "", 2)).size(), 2u);
  EXPECT_TRUE(servers_away(before, led_plan({"10.0.3.2", "10.0.3.1", "10.0.3.3"}, "", 2)).empty());
  // The access proxy has gone: its policies have, too.
  EXPECT_TRUE(servers_away(before, ProxyPlan()).empty());
}

TEST(LeadingAway, EndsWhatBeganWhenTheServerHadAnotherNumber) {
  LeadingAway led;
  led.use(led_plan({"10.0.3.1"}, "", 1), {});
  EXPECT_TRUE(led.use(led_plan({"10.0.3.1", "10.0.3.2"}, "", 2), {}).empty()) << "it has got a second one";
  auto orders = led.use(led_plan({"10.0.3.2"}, "", 3), {});
  ASSERT_EQ(orders.size(), 2u);
  EXPECT_EQ(orders[0].server, 10u);
  EXPECT_EQ(orders[1].server, 20u);
  for (int i = 0; i < LeadingAway::kAgain; ++i) EXPECT_EQ(led.again().size(), 2u);
  EXPECT_TRUE(led.over());
  orders = led.use(led_plan({"10.0.3.4"}, "", 4), {});
  ASSERT_EQ(orders.size(), 2u) << "each once";
  EXPECT_EQ(orders[0].server, 21u);
  EXPECT_EQ(orders[1].server, 30u);
}

TEST(LeadingAway, EndsWhatCameToAnotherApiGatewayWithItsPath) {
  // 1 gets a second server; then 3 leads to the same two, and takes over 1's path; then the first is taken out of 3.
  const auto beside = [](ProxyPlan plan, ProxyPlan other, std::uint32_t pool) {
    policy::ApiGateway third;
    third.id = 3, third.pool = pool;
    plan.table.proxies[0].api_gateways.push_back(third);
    if (pool != plan.pools[0].id) plan.pools.push_back(other.pools[0]);
    return plan;
  };
  const auto two = led_plan({"10.0.3.1", "10.0.3.2"}, "", 2), one = led_plan({"10.0.3.2"}, "", 3);
  LeadingAway led;
  led.use(led_plan({"10.0.3.1"}, "", 1), {});
  led.use(two, {});
  led.use(beside(two, two, 2), {});
  std::set<std::pair<std::uint32_t, std::uint32_t>> ended;
  for (const auto& order : led.use(beside(two, one, 3), {})) ended.emplace(order.api_gateway, order.server);
  EXPECT_EQ(ended, (std::set<std::pair<std::uint32_t, std::uint32_t>>{{3, 10}, {3, 20}}));
}

TEST(LeadingAway, WhatCameToAnotherApiGatewayBeforeTheFirstLostTheServerEndsWithTheServerThere) {
  const auto beside = [](ProxyPlan plan, const ProxyPlan& other) {
    policy::ApiGateway third;
    third.id = 3, third.pool = other.pools[0].id;
    plan.table.proxies[0].api_gateways.push_back(third);
    plan.pools.push_back(other.pools[0]);
    return plan;
  };
  const auto two = led_plan({"10.0.3.1", "10.0.3.2"}, "", 2), one = led_plan({"10.0.3.2"}, "", 3);
  LeadingAway led;
  led.use(led_plan({"10.0.3.1"}, "", 1), {});  // when it began
  led.use(two, {});
  led.use(beside(two, two), {});  // and 1's path comes to 3
  EXPECT_EQ(led.use(beside(one, two), {}).size(), 2u);
  while (!led.over()) led.again();
  std::set<std::pair<std::uint32_t, std::uint32_t>> ended;
  for (const auto& order : led.use(beside(one, one), {})) ended.emplace(order.api_gateway, order.server);
  EXPECT_EQ(ended, (std::set<std::pair<std::uint32_t, std::uint32_t>>{{3, 10}, {3, 20}}));
  while (!led.over()) led.again();
  EXPECT_TRUE(led.use(beside(one, one), {}).empty());
}

TEST(LeadingAway, AGatewayThatStartsAnewEndsWhatWasTakenOutMeanwhile) {
  std::string kept;
  {
    LeadingAway led;
    led.use(led_plan({"10.0.3.1", "2001:db8::1"}, "", 1), {});
    led.use(led_plan({"10.0.3.2", "2001:db8::1"}, "", 2), {});
    kept = led.print();  // the first order was given, and perhaps not carried out
  }
  LeadingAway next;
  ASSERT_TRUE(next.take(kept));
  const auto orders = next.use(led_plan({"10.0.3.2"}, "", 3), {});
  std::set<std::uint32_t> numbers;
  for (const auto& order : orders) numbers.insert(order.server);
  EXPECT_EQ(numbers, (std::set<std::uint32_t>{10, 11, 21}));
  for (const auto* damaged : {"x", "1 2 3 10.0.3.1 80", "1 2 3 10.0.3.1\n", "1 2 3 here 80\n", "1 2 4294967296 10.0.3.1 80\n", "1 2 3 10.0.3.1 65536\n"}) {
    EXPECT_EQ(next.take(damaged).error().code, ErrorCode::kDataLoss) << damaged;
  }
  for (int i = 0; i < LeadingAway::kAgain; ++i) next.again();
  EXPECT_EQ(next.print(), "7 1 20 10.0.3.2 80\n7 1 30 10.0.3.2 80\n");
}

TEST(LeadingAway, AGatewayThatStartsAnewEndsTunnelsThatCameByAnotherApiGateway) {
  const auto before = with_another(led_plan({"10.0.3.1"}, "10.0.3.4 22;10.0.3.5 22", 1), "10.0.3.6 22", 300);
  const auto now = with_another(led_plan({"10.0.3.1"}, "10.0.3.5 22", 2), "10.0.3.4 22;10.0.3.6 22", 301);
  const auto ended = [&](const std::string& kept) {
    LeadingAway next;
    EXPECT_TRUE(next.take(kept));
    next.use(now, {});
    for (const auto* to : {"10.0.3.4:22", "10.0.3.5:22", "10.0.3.6:22"}) next.began(tunnel_to(to));
    return next.again();
  };
  LeadingAway led;
  led.use(before, {});
  auto orders = ended(led.print());
  ASSERT_EQ(orders.size(), 1u);
  EXPECT_EQ(orders[0].destination, "10.0.3.4:22");
  EXPECT_EQ(orders[0].api_gateway, 2u);
  // As long as orders are given, the next gateway gives them, too.
  led.use(now, tunnels({"10.0.3.4:22"}));
  EXPECT_EQ(ended(led.print()).size(), 1u);
  while (!led.over()) led.again();
  EXPECT_TRUE(ended(led.print()).empty());
  for (const auto* damaged : {"forwards 7 2", "forwards 7\n", "forwards 7 x 10.0.3.1 22\n", "forwards 4294967296 2 10.0.3.1 22\n", "forwards 7 2 10.0.3.1\n"}) {
    EXPECT_EQ(led.take(damaged).error().code, ErrorCode::kDataLoss) << damaged;
  }
}

TEST(LeadingAway, AGatewayThatIsKilledOnItsStartHasForgottenNothing) {
  const auto before = with_another(led_plan({"10.0.3.1"}, "10.0.3.4 22", 1), "10.0.3.6 22", 300);
  const auto now = with_another(led_plan({"10.0.3.1"}, "10.0.3.5 22", 2), "10.0.3.4 22;10.0.3.6 22", 301);
  LeadingAway led;
  led.use(before, {});
  auto kept = led.print();
  for (int i = 0; i < 3; ++i) {  // no worker had told anything yet
    LeadingAway killed;
    ASSERT_TRUE(killed.take(kept));
    killed.use(now, {});
    kept = killed.print();
  }
  LeadingAway last;
  ASSERT_TRUE(last.take(kept));
  last.use(now, {});
  last.began(tunnel_to("10.0.3.4:22"));
  const auto orders = last.again();
  ASSERT_EQ(orders.size(), 1u);
  EXPECT_EQ(orders[0].api_gateway, 2u);
  while (!last.over()) last.again();
  EXPECT_EQ(last.print().find("10.0.3.4 22"), last.print().rfind("10.0.3.4 22")) << "it does not grow for ever";
}

TEST(LeadingAway, WhatIsKeptCanBeReadHoweverMuchLedElsewhere) {
  // As much as one API gateway may have, twice.
  const auto many = [](const char* net) {
    std::string out;
    for (int i = 1; i < 250; ++i) out += (i == 1 ? "" : ";") + std::string(net) + std::to_string(i) + " 1022 2022 3022";
    return out;
  };
  LeadingAway led;
  led.use(led_plan({"10.0.3.1"}, many("10.0.3."), 1), {});
  ASSERT_FALSE(led.use(led_plan({"10.0.3.2"}, many("10.0.4."), 2), tunnels({"10.0.3.7:1022"})).empty());
  LeadingAway next;
  const auto taken = next.take(led.print());
  ASSERT_TRUE(taken) << taken.error().message;
  next.use(with_another(led_plan({"10.0.3.3"}, "10.0.5.1 22", 3), "10.0.3.7 1022;10.0.4.7 1022", 300), {});
  EXPECT_EQ(next.again().size(), 2u) << "servers";
  for (const auto* to : {"10.0.3.7:1022", "10.0.4.7:1022"}) next.began(tunnel_to(to));
  std::set<std::string> ended;
  for (const auto& order : next.again()) {
    if (order.api_gateway == 2) ended.insert(order.destination);
  }
  EXPECT_EQ(ended, (std::set<std::string>{"10.0.3.7:1022", "10.0.4.7:1022"}));
}

TEST(LeadingAway, EveryTunnelThatAGatewayFindsLedAwayEndsHoweverManyThereAre) {
  LeadingAway led;
  led.use(led_plan({}, "10.0.3.1 22", 1), {});
  std::vector<std::string> open;
  for (std::size_t i = 0; i < 3 * LeadingAway::kMostAsked; ++i) open.push_back("10.0.4.1:" + std::to_string(i + 1));
  for (const auto& to : open) led.began(tunnel_to(to));
  EXPECT_EQ(led.again(tunnels(open)).size(), open.size());
  while (!led.over()) led.again(tunnels(open));
  // Only asked for, and gone again.
  for (const auto& to : open) led.began(tunnel_to(to));
  EXPECT_EQ(led.again().size(), LeadingAway::kMostAsked);
}

TEST(LeadingAway, EndsTunnelsOfClientsWithoutACertificateToo) {
  LeadingAway led;
  led.use(led_plan({}, "10.0.3.1 22;10.0.3.2 22", 1), {});
  for (const auto* to : {"10.0.3.1:22", "10.0.3.2:22"}) led.stranger(tunnel_to(to), +2);
  EXPECT_TRUE(led.over());
  auto orders = led.use(led_plan({}, "10.0.3.2 22", 2), {});
  ASSERT_EQ(orders.size(), 1u);
  EXPECT_EQ(orders[0].destination, "10.0.3.1:22");
  while (!led.over()) led.again();
  led.stranger(tunnel_to("10.0.3.1:22"), -2);
  led.stranger(tunnel_to("10.0.3.2:22"), -1);
  EXPECT_TRUE(led.use(led_plan({}, "10.0.3.2 22", 3), {}).empty());
  led.stranger(tunnel_to("10.0.3.3:22"), +1);
  EXPECT_EQ(led.again().size(), 1u) << "by the configuration of a moment ago";
  led.stranger(tunnel_to("10.0.3.3:22"), -1);
  EXPECT_EQ(led.use(led_plan({}, "10.0.3.4 22", 4), {}).size(), 1u) << "one is open still";
}

TEST(LeadingAway, GivesAnOrderForAsLongAsPoliciesWaitForNginx) {
  LeadingAway led;
  led.use(led_plan({"10.0.3.1"}, "", 1), {});
  led.use(led_plan({"10.0.3.2"}, "", 2), {});
  for (int i = 0; i < 4 * LeadingAway::kAgain; ++i) EXPECT_EQ(led.again({}, true).size(), 1u);
  for (int i = 0; i < LeadingAway::kAgain; ++i) EXPECT_EQ(led.again().size(), 1u);
  EXPECT_TRUE(led.over());
}

TEST(LeadingAway, OfManyNumbersThoseOfBeforeEnd) {
  LeadingAway led;
  std::size_t orders = 0;
  std::uint32_t pool = 1;
  for (; pool <= ServersLedTo::kMost + 1; ++pool) orders += led.use(led_plan({"10.0.3.1"}, "", pool), {}).size();
  EXPECT_EQ(orders, 0u);
  EXPECT_EQ(led.use(led_plan({"10.0.3.1"}, "", pool), {}).size(), ServersLedTo::kMost + 1);
}

TEST(LeadingAway, EndsTunnelsWhoseDestinationIsTakenOut) {
  const auto before = led_plan({}, "10.0.3.1-10.0.3.9 22 5432;db.example 5432", 1);
  const auto open = tunnels({"10.0.3.4:22", "10.0.3.4:5432", "db.example:5432"});
  EXPECT_TRUE(tunnels_led_away(before, before, open).empty());
  const auto orders = tunnels_led_away(before, led_plan({}, "10.0.3.1-10.0.3.9 22", 2), open);
  ASSERT_EQ(orders.size(), 2u);
  EXPECT_EQ(orders[0].destination, "10.0.3.4:5432");
  EXPECT_EQ(orders[1].destination, "db.example:5432");
  EXPECT_EQ(orders[1].proxy, 7u);
  EXPECT_EQ(tunnels_led_away(before, led_plan({}, "", 2), open).size(), 3u);
  EXPECT_EQ(tunnels_led_away(before, before, tunnels({"no sense"})).size(), 1u);
  EXPECT_TRUE(tunnels_led_away(before, led_plan({"10.0.3.1"}, "10.0.3.1-10.0.3.9 22 5432;db.example 5432", 2), open).empty());
}

TEST(LeadingAway, GivesAnOrderAgainAFewTimesAndNoMore) {
  LeadingAway led;
  EXPECT_TRUE(led.use(led_plan({"10.0.3.1", "10.0.3.2"}, "10.0.3.9 22", 1), {}).empty());
  EXPECT_TRUE(led.over());
  EXPECT_EQ(led.use(led_plan({"10.0.3.2"}, "10.0.3.8 22", 2), tunnels({"10.0.3.9:22"})).size(), 2u);
  for (int i = 0; i < LeadingAway::kAgain; ++i) {
    EXPECT_FALSE(led.over());
    EXPECT_EQ(led.again().size(), 2u);
  }
  EXPECT_TRUE(led.over());
  EXPECT_TRUE(led.again().empty());
}

TEST(LeadingAway, LeavesAloneWhatIsLedToOnceMore) {
  const auto first = led_plan({"10.0.3.1", "10.0.3.2"}, "10.0.3.9 22", 1);
  LeadingAway led;
  led.use(first, {});
  EXPECT_EQ(led.use(led_plan({"10.0.3.2"}, "10.0.3.8 22", 2), tunnels({"10.0.3.9:22"})).size(), 2u);
  EXPECT_TRUE(led.use(first, tunnels({"10.0.3.9:22"})).empty());
  EXPECT_TRUE(led.over());
}

TEST(LeadingAway, AConfigurationThatChangesAllTheTimeGathersNothing) {
  LeadingAway led;
  led.use(led_plan({"10.0.3.1"}, "", 1), {});
  for (std::uint32_t i = 2; i < 1000; ++i) {
    led.use(led_plan({i % 2 == 0 ? "10.0.3.2" : "10.0.3.1"}, "", i), {});
    EXPECT_LE(led.again().size(), std::size_t{LeadingAway::kAgain});
  }
}

TEST(LeadingAway, TakesNoteOfTunnelsThatBeganByTheConfigurationOfBefore) {
  LeadingAway led;
  led.began(tunnel_to("10.0.3.1:22"));
  EXPECT_TRUE(led.over()) << "nothing was configured yet";
  led.use(led_plan({}, "10.0.3.1 22", 1), {});
  led.began(tunnel_to("10.0.3.1:22"));
  led.began(tunnel_to(""));
  EXPECT_TRUE(led.over());
  led.began(tunnel_to("10.0.3.2:22"));
  led.began(tunnel_to("10.0.3.2:22"));
  const auto orders = led.again();
  ASSERT_EQ(orders.size(), 1u);
  EXPECT_EQ(orders[0].destination, "10.0.3.2:22");
  EXPECT_EQ(orders[0].proxy, 7u);
  for (std::size_t i = 0; i < 2 * LeadingAway::kMostAsked; ++i) led.began(tunnel_to("10.0.4.1:" + std::to_string(i + 1)));
  EXPECT_EQ(led.again().size(), LeadingAway::kMostAsked);
}

TEST(LeadingAway, ADestinationThatMovesToAnotherApiGatewayEndsWhatCameByTheFirst) {
  const auto before = with_another(led_plan({}, "10.0.3.4 22;10.0.3.5 22", 1), "10.0.3.6 22", 300);
  const auto now = with_another(led_plan({}, "10.0.3.5 22", 2), "10.0.3.4 22;10.0.3.6 22", 301);
  LeadingAway led;
  led.use(before, {});
  const auto orders = led.use(now, tunnels({"10.0.3.4:22", "10.0.3.5:22", "10.0.3.6:22"}));
  ASSERT_EQ(orders.size(), 1u);
  EXPECT_EQ(orders[0].destination, "10.0.3.4:22");
  EXPECT_EQ(orders[0].api_gateway, 2u);
  EXPECT_EQ(led.again().size(), 1u);
  EXPECT_TRUE(led.use(before, {}).empty());
  EXPECT_TRUE(led.over()) << "it leads there again";
  // One that began a moment later by what was before; what has not moved has nothing to end.
  led.use(now, {});
  EXPECT_TRUE(led.over());
  led.began(tunnel_to("10.0.3.6:22"));
  EXPECT_TRUE(led.over());
  led.began(tunnel_to("10.0.3.4:22"));
  const auto late = led.again();
  ASSERT_EQ(late.size(), 1u);
  EXPECT_EQ(late[0].api_gateway, 2u);
}

TEST(LeadingAway, WhatIsPublishedMeanwhileDoesNotHideWhereADestinationWas) {
  const auto before = with_another(led_plan({}, "10.0.3.4 22;10.0.3.5 22", 1), "10.0.3.6 22", 300);
  const auto now = with_another(led_plan({}, "10.0.3.5 22", 2), "10.0.3.4 22;10.0.3.6 22", 301);
  const auto another = with_another(led_plan({}, "10.0.3.5 22", 2), "10.0.3.4 22;10.0.3.6 22;10.0.3.7 22", 302);
  LeadingAway led;
  led.use(before, {});
  led.use(now, {});
  led.use(now, {});  // tags changed, say
  led.use(another, {});
  led.began(tunnel_to("10.0.3.4:22"));
  const auto late = led.again();
  ASSERT_EQ(late.size(), 1u);
  EXPECT_EQ(late[0].api_gateway, 2u);
  EXPECT_EQ(late[0].destination, "10.0.3.4:22");
  // Of more than a few nothing is gathered.
  for (std::uint32_t i = 0; i < 1000; ++i) led.use(with_another(led_plan({}, "10.0.3.5 22", 2), "10.0.3.4 22;10.0.4." + std::to_string(i % 250) + " 22", 400 + i), {});
  while (!led.over()) led.again();
  led.began(tunnel_to("10.0.3.4:22"));
  EXPECT_TRUE(led.over());
}

}  // namespace
}  // namespace postern::gateway
