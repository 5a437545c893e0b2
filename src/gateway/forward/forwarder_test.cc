#include "gateway/forward/forwarder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gateway/forward/destinations.h"

namespace postern::gateway {
namespace {

using ::testing::HasSubstr;

constexpr const char* kThree = "10.0.0.5 22 5432-5440;10.0.0.16-10.0.0.31 22;db.example 5432;2001:db8::5 22";

TEST(ForwardDestinations, AreReadAsTheyAreWritten) {
  const auto read = parse_destinations(kThree);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(print_destinations(*read), kThree);
  for (const auto* wrong : {"", ";", "10.0.0.5", "10.0.0.5 0", "10.0.0.5 65536", "10.0.0.5 5-4", "10.0.0.5 x", "10.0.0.9-10.0.0.5 22",
                            "10.0.0.5-2001:db8::1 22", "-x 22", "a..b 22", "1.2 22", "db.example 22;", "db.example  22"}) {
    EXPECT_FALSE(parse_destinations(wrong)) << wrong;
  }
}

TEST(ForwardDestinations, LeadWhereTheySayAndNowhereElse) {
  const auto d = *parse_destinations(kThree);
  for (const auto& [host, port] : std::vector<std::pair<const char*, int>>{
           {"10.0.0.5", 22}, {"10.0.0.5", 5432}, {"10.0.0.5", 5440}, {"10.0.0.16", 22}, {"10.0.0.31", 22}, {"DB.example", 5432},
           {"2001:DB8::5", 22}, {"2001:db8:0::5", 22}}) {
    EXPECT_TRUE(leads_to(d, host, static_cast<std::uint16_t>(port))) << host << ' ' << port;
  }
  for (const auto& [host, port] : std::vector<std::pair<const char*, int>>{
           {"10.0.0.5", 23}, {"10.0.0.5", 5431}, {"10.0.0.5", 5441}, {"10.0.0.15", 22}, {"10.0.0.32", 22}, {"db.example", 22},
           {"db.example.", 5432}, {"x.db.example", 5432}, {"2001:db8::6", 22}, {"", 22}, {"localhost", 22}}) {
    EXPECT_FALSE(leads_to(d, host, static_cast<std::uint16_t>(port))) << host << ' ' << port;
  }
}

net::HttpRequest asking(const std::string& address, const std::string& port, const char* told = kThree) {
  net::HttpRequest request;
  request.method = "GET";
  request.path = "/tcp";
  request.query = {{"address", address}, {"port", port}};
  if (told != nullptr) request.headers.add("x-postern-destinations", told);
  return request;
}

TEST(Forwarder, DialsWhatNginxSaysTheApiGatewayLeadsTo) {
  auto answer = forward_decision(asking("10.0.0.5", "5433"));
  ASSERT_TRUE(answer.to);
  EXPECT_EQ(answer.to->host, "10.0.0.5");
  EXPECT_EQ(answer.to->port, 5433);
  answer = forward_decision(asking("[2001:db8::5]", "22"));
  ASSERT_TRUE(answer.to);
  EXPECT_EQ(answer.to->host, "2001:db8::5");
}

TEST(Forwarder, RefusesTheRestInWords) {
  const auto refusal = [](const net::HttpRequest& request) {
    const auto answer = forward_decision(request);
    EXPECT_FALSE(answer.to);
    return std::to_string(answer.refusal.status) + " " + answer.refusal.body;
  };
  EXPECT_THAT(refusal(asking("10.0.0.6", "22")), HasSubstr("403 10.0.0.6 port 22 is not a destination of this application"));
  EXPECT_THAT(refusal(asking("a\nb", "22")), HasSubstr("403 that host port 22"));
  EXPECT_THAT(refusal(asking("10.0.0.5", "0")), HasSubstr("400 say where to"));
  EXPECT_THAT(refusal(asking("10.0.0.5", "65558")), HasSubstr("400 say where to"));
  EXPECT_THAT(refusal(asking("", "22")), HasSubstr("400 say where to"));
  EXPECT_THAT(refusal(asking("10.0.0.5", "22", nullptr)), HasSubstr("403 this request did not come by an access proxy"));
  EXPECT_THAT(refusal(asking("10.0.0.5", "22", "rubbish")), HasSubstr("500"));
  auto owned = asking("10.0.0.5", "22");
  EXPECT_EQ(forward_decision(owned).owner, "");
  owned.headers.add("X-Postern-Endpoint", "0123");
  EXPECT_EQ(forward_decision(owned).owner, "0123");
  owned.headers.add("X-Postern-Endpoint", "4567");
  EXPECT_THAT(refusal(owned), HasSubstr("403"));
  auto twice = asking("10.0.0.5", "22");
  twice.headers.add("X-Postern-Destinations", "10.9.9.9 22");
  EXPECT_THAT(refusal(twice), HasSubstr("403"));
}

TEST(ForwardDecision, ARangeDoesNotLeadToTheGatewayItself) {
  const auto mine = [](const IpAddress& a) { return a == *IpAddress::parse("10.0.0.20") || a == *IpAddress::parse("10.0.0.5"); };
  auto answer = forward_decision(asking("10.0.0.20", "22"), nullptr, mine);
  EXPECT_FALSE(answer.to);
  EXPECT_EQ(answer.refusal.status, 403);
  EXPECT_THAT(answer.refusal.body, HasSubstr("this gateway itself"));
  EXPECT_FALSE(forward_decision(asking("::ffff:10.0.0.20", "22"), nullptr, mine).to);
  EXPECT_TRUE(forward_decision(asking("10.0.0.21", "22"), nullptr, mine).to);
  EXPECT_TRUE(forward_decision(asking("10.0.0.5", "22"), nullptr, mine).to) << "named by itself";
}

}  // namespace
}  // namespace postern::gateway
