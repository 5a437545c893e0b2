#include "gateway/addresses/matched.h"

#include <gmock/gmock.h>

namespace postern::gateway {
namespace {

TEST(Matched, SaysWhyAnEndpointIsOrIsNotAmongThem) {
  const auto ours = *MacAddress::parse("02:09:0f:00:01:01");
  Resolver resolver;
  resolver.set_interfaces({{"port1", ours, {{*IpAddress::parse("10.0.1.1"), 24}}}});
  Record r;
  r.share_all = true;
  r.routes = {{"eth0", *IpAddress::parse("10.0.1.1"), ours, *IpAddress::parse("10.0.1.2"), false, 0}};
  const auto text = [&] { return match_reason_text(match_reason(r, resolver), r, resolver); };
  EXPECT_EQ(match_reason(r, resolver), MatchReason::kSharedOnly);
  EXPECT_THAT(text(), testing::HasSubstr("has not come through an access proxy"));
  EXPECT_THAT(text(), testing::EndsWith("because it shares all endpoints with this gateway"));
  r.share_all = false;
  r.share_selected = true;
  EXPECT_THAT(text(), testing::EndsWith("because it shares those of selected devices with this gateway"));
  r.share_connected = true;
  EXPECT_EQ(match_reason(r, resolver), MatchReason::kDefaultGateway);
  EXPECT_EQ(text(), "its default gateway is port1");
  r.routes[0].gateway_mac = *MacAddress::parse("02:09:0f:00:01:77");
  EXPECT_EQ(match_reason(r, resolver), MatchReason::kOtherGateway);
  EXPECT_THAT(text(), testing::HasSubstr("no interface's of this gateway"));
  EXPECT_FALSE(is_match(match_reason(r, resolver)));
  r.asked = true;
  EXPECT_EQ(match_reason(r, resolver), MatchReason::kCertificate);
  EXPECT_TRUE(is_match(match_reason(r, resolver)));
}

}  // namespace
}  // namespace postern::gateway
