// Decisions taken apart.
#include "gateway/ztna/decision_trace.h"

#include <gtest/gtest.h>

namespace postern::gateway {
namespace {

using policy::Reason;

class DecisionTraceTest : public testing::Test {
 protected:
  DecisionTraceTest() {
    policy::Proxy proxy;
    proxy.id = 7;
    proxy.name = "web";
    proxy.api_gateways.push_back({1, policy::Pattern::kSubString, "", policy::Pattern::kSubString, "/", 5});
    table_.proxies = {proxy};
    table_.tags = {{3, "EMS1_ZTNA_a", "", false}, {4, "EMS1_ZTNA_bad", "", false}};
    table_.policies.resize(3);
    table_.policies[0] = {1, "bad", {7}, {}, {4}, policy::Match::kAny, false, policy::Action::kDeny};
    table_.policies[1] = {2, "office", {7}, {*IpRange::parse("10.9.0.0/16")}, {}};
    table_.policies[2] = {3, "a", {7}, {}, {3}};
    endpoint_.known = endpoint_.online = endpoint_.registered = endpoint_.fresh = true;
    endpoint_.not_after = request_.certificate_not_after = WallTime(Millis(1000));
    request_.proxy = 7;
    request_.certificate = policy::Certificate::kVerified;
    request_.host = "app.example";
    request_.path = "/";
    request_.source = IpAddress::v4({10, 0, 1, 2});
  }
  DecisionTrace trace() {
    auto out = trace_decision(table_, endpoint_, request_);
    EXPECT_TRUE(out);
    return out ? *out : DecisionTrace{};
  }

  policy::PolicyTable table_;
  policy::EndpointState endpoint_;
  policy::RequestContext request_;
};

TEST_F(DecisionTraceTest, EachPolicyByItself) {
  const auto t = trace();
  EXPECT_FALSE(t.whole.allow);
  EXPECT_EQ(t.whole.reason, Reason::kMissingTag);
  ASSERT_EQ(t.policies.size(), 3u);
  EXPECT_EQ(t.policies[0].alone.reason, Reason::kNoPolicy);  // it has not what is refused
  EXPECT_FALSE(t.policies[0].accepts);
  EXPECT_FALSE(t.policies[1].source_fits);
  EXPECT_TRUE(t.policies[2].source_fits);
  EXPECT_EQ(t.policies[2].alone.reason, Reason::kMissingTag);
  EXPECT_TRUE(t.policies[2].alone.tags.test(3));
}

TEST_F(DecisionTraceTest, AsTheEndpointIs) {
  endpoint_.tags.set(3);
  auto t = trace();
  EXPECT_TRUE(t.whole.allow);
  EXPECT_EQ(t.whole.policy, 3u);
  EXPECT_TRUE(t.policies[2].alone.allow);
  endpoint_.tags.set(4);
  t = trace();
  EXPECT_FALSE(t.whole.allow);
  EXPECT_EQ(t.whole.policy, 1u);
  EXPECT_TRUE(t.policies[2].alone.allow) << "it would, without the one in front";
  request_.source = IpAddress::v4({10, 9, 0, 1});
  EXPECT_TRUE(trace().policies[1].source_fits);
}

TEST_F(DecisionTraceTest, ByWhichInterface) {
  endpoint_.tags.set(3);
  table_.policies[2].interfaces = {"port1"};
  table_.proxies.push_back(table_.proxies[0]);
  table_.proxies[1].id = 8;
  table_.policies[2].proxies = {8, 7};
  EXPECT_FALSE(trace().policies[2].interface_fits) << "nobody knows by which it came";
  EXPECT_TRUE(trace().policies[1].interface_fits);
  for (const auto& [name, fits] : {std::pair{"port1", true}, {"port2", false}}) {
    request_.interface = name;
    EXPECT_EQ(trace().policies[2].interface_fits, fits);
    EXPECT_EQ(trace().whole.allow, fits);
  }
}

TEST_F(DecisionTraceTest, AnAccessProxyThatIsGone) {
  request_.proxy = 8;
  EXPECT_EQ(trace_decision(table_, endpoint_, request_).error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace postern::gateway
