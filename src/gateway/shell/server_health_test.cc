#include "gateway/shell/server_health.h"

#include <gtest/gtest.h>

namespace postern::gateway {
namespace {

constexpr const char* kServers[] = {"10.0.0.1", "10.0.0.2", "10.0.0.3"};

config::GatewayConfig with_servers(std::initializer_list<int> servers, bool second_gateway = false) {
  config::GatewayConfig config;
  config::AccessProxyConfig proxy;
  proxy.name = "web";
  proxy.vip.ext_ip = *IpAddress::parse("10.0.1.1");
  config::ApiGatewayConfig gateway;
  gateway.id = 1;
  gateway.url_map = "/";
  for (const int i : servers) {
    config::RealServerConfig server;
    server.ip = *IpAddress::parse(kServers[i]);
    server.port = 80;
    gateway.servers.push_back(server);
  }
  proxy.gateways.push_back(gateway);
  if (second_gateway) {
    gateway.id = 2;
    proxy.gateways.push_back(gateway);
  }
  config.access_proxies.push_back(proxy);
  return config;
}

ProxyPlan plan(const config::GatewayConfig& config) { return plan_proxies(config, TagTable()); }

TEST(TakenOut, ServersThatTheSameMappingHasNoMore) {
  const auto both = plan(with_servers({0, 1}));
  const auto out = taken_out(both, plan(with_servers({0})));
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(*out.begin(), both.pools[0].servers[1].number);
  EXPECT_TRUE(taken_out(both, both).empty());
  EXPECT_TRUE(taken_out(both, plan(with_servers({0, 1, 2}))).empty());
  EXPECT_TRUE(taken_out(both, plan(with_servers({2}))).empty()) << "all others: nginx is asked to take them first";
}

TEST(TakenOut, NumbersComeBackWithTheirServers) {
  const auto both = plan(with_servers({0, 1})), again = plan(with_servers({0, 1}));
  EXPECT_EQ(both.pools[0].servers[1].number, again.pools[0].servers[1].number);
  EXPECT_NE(both.pools[0].servers[0].number, plan(with_servers({0})).pools[0].servers[0].number)
      << "another pool's: it may be down for one and removed from the other";
}

TEST(TakenOut, APoolThatAnotherMappingStillHasIsLeftAlone) {
  auto config = with_servers({0, 1}, true);
  const auto before = plan(config);
  config.access_proxies[0].gateways[0].servers.pop_back();
  EXPECT_TRUE(taken_out(before, plan(config)).empty());
}

}  // namespace
}  // namespace postern::gateway
