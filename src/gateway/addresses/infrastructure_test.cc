#include "gateway/addresses/infrastructure.h"

#include <gtest/gtest.h>

namespace postern::gateway {
namespace {

TEST(Infrastructure, IsTheEmssTheRealServersAndTheLogServer) {
  const auto ip = [](const char* text) { return *IpAddress::parse(text); };
  config::GatewayConfig config;
  config.connectors.resize(2);
  config.connectors[0].server = "10.0.1.7";
  config.connectors[1].server = "ems.example";
  config::ApiGatewayConfig api;
  api.servers = {{1, ip("10.0.3.10")}, {2, ip("fd00::10")}, {3, {}}};
  config.access_proxies.resize(2);
  config.access_proxies[1].gateways = {api};
  config.syslog.server = "10.0.1.20";
  EXPECT_EQ(configured_infrastructure(config), (std::set<IpAddress>{ip("10.0.1.7"), ip("10.0.3.10"), ip("fd00::10")}));
  config.syslog.enabled = true;
  EXPECT_TRUE(configured_infrastructure(config).contains(ip("10.0.1.20")));
}

}  // namespace
}  // namespace postern::gateway
