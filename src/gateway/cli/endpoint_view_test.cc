#include "gateway/cli/endpoint_view.h"

#include <gmock/gmock.h>

#include "gateway/cli/print.h"
#include "gateway/cli/session_lab.h"

namespace postern::gateway::cli {
namespace {

using testing::HasSubstr;

TEST(EndpointView, TellsOurRoutesFromOthers) {
  Resolver resolver;
  LocalInterface port1{"port1", *MacAddress::parse("02:00:00:00:00:01"), {{*IpAddress::parse("10.0.1.1"), 24}}};
  resolver.set_interfaces({port1});
  Record r = walk_endpoint().record;
  r.interfaces.push_back({"wlan0", *MacAddress::parse("02:09:0f:00:01:99"), {*IpAddress::parse("192.168.7.7")}, true});
  r.routes = {{"wlan0", *IpAddress::parse("192.168.7.1"), *MacAddress::parse("02:00:00:00:00:77"),
               *IpAddress::parse("192.168.7.7"), false, 600},
              {"eth0", *IpAddress::parse("10.0.1.1"), port1.mac, *IpAddress::parse("10.0.1.2"), false, 100}};
  r.share_connected = true;
  resolver.upsert(r);
  resolver.set_neighbour({"port1", *IpAddress::parse("10.0.1.2")},
                         {Neighbour::State::kPresent, *MacAddress::parse("02:09:0f:00:01:02")});
  const auto v = make_endpoint_view(r, resolver, GatewaySerial("PGW0000000000001"));
  EXPECT_EQ(v.ip.str(), "10.0.1.2");
  EXPECT_EQ(v.mac.str(), "02:09:0f:00:01:02");
  EXPECT_EQ(v.gateway_interface, "port1");
  ASSERT_EQ(v.routes.size(), 2u);
  EXPECT_EQ(v.routes[0].interface, "");
  EXPECT_EQ(v.routes[0].mac.str(), "02:09:0f:00:01:99");
  EXPECT_EQ(v.routes[1].interface, "port1");
  EXPECT_EQ(v.routes[1].serial.str(), "PGW0000000000001");
  ASSERT_EQ(v.other_macs.size(), 1u);
  EXPECT_THAT(print_endpoint(0, v), HasSubstr("MAC list = 02:09:0f:00:01:99\n"));
}

}  // namespace
}  // namespace postern::gateway::cli
