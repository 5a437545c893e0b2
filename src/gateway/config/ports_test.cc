#include "gateway/config/ports.h"

#include <gtest/gtest.h>

namespace postern::gateway::config {
namespace {

GatewayConfig with(const std::vector<std::tuple<const char*, const char*, int>>& vips) {
  GatewayConfig out;
  for (const auto& [name, ip, port] : vips) {
    AccessProxyConfig proxy;
    proxy.name = name;
    proxy.vip = {name, *IpAddress::parse(ip), static_cast<std::uint16_t>(port), "", false};
    out.access_proxies.push_back(proxy);
  }
  return out;
}

TEST(Ports, EachListenerNeedsItsOwn) {
  EXPECT_TRUE(check_ports(with({{"a", "10.0.0.1", 443}, {"b", "10.0.0.2", 443}, {"c", "10.0.0.1", 444}}), 8444));
  const auto same = check_ports(with({{"a", "10.0.0.1", 443}, {"b", "10.0.0.1", 443}}), 0);
  ASSERT_FALSE(same);
  EXPECT_NE(same.error().message.find("is used by firewall vip a"), std::string::npos);
  EXPECT_FALSE(check_ports(with({{"a", "0.0.0.0", 443}, {"b", "10.0.0.1", 443}}), 0));
  EXPECT_FALSE(check_ports(with({{"a", "10.0.0.1", 443}, {"b", "0.0.0.0", 443}}), 0));
  EXPECT_TRUE(check_ports(with({{"a", "0.0.0.0", 443}, {"b", "::", 443}}), 0));
}

TEST(Ports, TheRestApisPortIsTaken) {
  EXPECT_FALSE(check_ports(with({{"a", "10.0.0.1", 8444}}), 8444));
  EXPECT_TRUE(check_ports(with({{"a", "10.0.0.1", 8444}}), 8445));
}

TEST(Ports, TheTwoTablesOfAddressesShareTheirPorts) {
  auto config = with({{"a", "::", 443}, {"a", "2001:db8::1", 443}});
  config.access_proxies[1].vip.v6_table = true;
  const auto taken = check_ports(config, 0);
  ASSERT_FALSE(taken);
  EXPECT_NE(taken.error().message.find("firewall vip6 a: extport 443 is used by firewall vip a"), std::string::npos)
      << taken.error().message;
}

TEST(Ports, OneAddressIsForOneProxy) {
  auto config = with({{"a", "10.0.0.1", 443}});
  config.access_proxies.push_back(config.access_proxies[0]);
  EXPECT_FALSE(check_ports(config, 0));
}

}  // namespace
}  // namespace postern::gateway::config
