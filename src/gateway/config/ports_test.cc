#include "gateway/config/ports.h"

#include <gtest/gtest.h>

namespace postern::gateway::config {
namespace {

GatewayConfig with(const std::vector<std::tuple<const char*, const char*, int>>& vips) {
  GatewayConfig out;
  for (const auto& [name, ip, port] : vips) {
    out.vips.push_back({name, *IpAddress::parse(ip), static_cast<std::uint16_t>(port), ""});
    AccessProxyConfig proxy;
    proxy.name = name;
    proxy.vip = name;
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

TEST(Ports, OneAddressIsForOneProxyAndWhatNobodyUsesIsFree) {
  auto config = with({{"a", "10.0.0.1", 443}});
  config.vips.push_back({"spare", *IpAddress::parse("10.0.0.1"), 443, ""});
  EXPECT_TRUE(check_ports(config, 0));
  config.access_proxies.push_back(config.access_proxies[0]);
  EXPECT_FALSE(check_ports(config, 0));
}

}  // namespace
}  // namespace postern::gateway::config
