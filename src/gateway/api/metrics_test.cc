// /metrics over REST: who may read it, and in which format.
#include <gmock/gmock.h>

#include "gateway/api/api_lab.h"

namespace postern::gateway::api {
namespace {

using testing::HasSubstr;

class MetricsTest : public ApiLab {};

TEST_F(MetricsTest, ForThoseWhoMayLook) {
  EXPECT_EQ(ask("GET", "/metrics", "", {}).status, 401);
  EXPECT_EQ(ask("GET", "/metrics", "", {{"Authorization", "Bearer wrong"}}).status, 401);
  const auto reply = ask("GET", "/metrics");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(*reply.headers.find("Content-Type"), "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_THAT(reply.text, HasSubstr("postern_gateway_live_sessions{access_proxy=\"proxy\"} 3\n"));
  configure("config system api-user\nedit tests\nset accprofile super_admin_readonly\nnext\nend\n");
  EXPECT_EQ(ask("GET", "/metrics").status, 200);
}

TEST_F(MetricsTest, AsOpenMetricsForThoseWhoAcceptIt) {
  auto headers = bearer;
  headers.emplace_back("Accept", "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.4");
  const auto reply = ask("GET", "/metrics", "", headers);
  EXPECT_EQ(*reply.headers.find("Content-Type"), "application/openmetrics-text; version=1.0.0; charset=utf-8");
  EXPECT_THAT(reply.text, testing::EndsWith("# EOF\n"));
}

TEST_F(MetricsTest, NothingElseIsThere) {
  EXPECT_EQ(ask("POST", "/metrics").status, 405);
  EXPECT_EQ(ask("GET", "/metrics?x=1").status, 400);
  EXPECT_EQ(ask("GET", "/metrics/").status, 404);
}

}  // namespace
}  // namespace postern::gateway::api
