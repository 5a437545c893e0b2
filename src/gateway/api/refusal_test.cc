// What the listener refuses, and bodies that are no JSON by their own word: in the envelope of every answer.
#include <gmock/gmock.h>

#include <boost/json.hpp>

#include "gateway/api/api_lab.h"

namespace postern::gateway::api {
namespace {

using testing::HasSubstr;

using RefusalTest = ApiLab;

TEST_F(RefusalTest, WhatIsRefusedBeforeItIsARequestHasTheEnvelope) {
  const auto response = api->refuse(413, {ErrorCode::kResourceExhausted, "the request is too large"});
  EXPECT_EQ(response.status, 413);
  ASSERT_NE(response.headers.find("Content-Type"), nullptr);
  EXPECT_EQ(*response.headers.find("Content-Type"), "application/json");
  EXPECT_NE(response.headers.find("X-Content-Type-Options"), nullptr);
  const auto body = boost::json::parse(response.body);
  EXPECT_EQ(body.at("status"), "error");
  EXPECT_EQ(body.at("http_status"), 413);
  EXPECT_EQ(body.at("cli_error"), "the request is too large");
}

TEST_F(RefusalTest, WhoIsRefusedIsToldOfWhat) {
  const std::tuple<const char*, const char*, const char*> cases[] = {
      {"/api/v2/cmdb/firewall/address/lan", "firewall", "address"},
      {"/api/v2/cmdb/firewall", "firewall", ""},
      {"/api/v2/monitor/system/config/backup", "system", "config/backup"},
      {"/api/v2/monitor/system", "system", ""}};
  for (const auto& [address, path, name] : cases) {
    const auto reply = ask("GET", address, "", {{"Authorization", "Bearer wrong"}});
    EXPECT_EQ(reply.status, 401) << reply.text;
    EXPECT_EQ(reply.at("/path"), path) << address;
    EXPECT_EQ(reply.at("/name"), name) << address;
  }
}

TEST_F(RefusalTest, ABodyThatSaysItIsTextIsNotReadAsJson) {
  const std::string body = R"({"name":"lan","subnet":"10.0.1.0/24"})";
  const auto as = [&](const char* type) {
    auto headers = bearer;
    headers.emplace_back("Content-Type", type);
    return ask("POST", "/api/v2/cmdb/firewall/address", body, headers);
  };
  for (const char* type : {"text/plain", "multipart/form-data; boundary=x"}) {
    const auto reply = as(type);
    EXPECT_EQ(reply.status, 415) << reply.text;
    EXPECT_THAT(reply.cli_error(), HasSubstr("Content-Type: application/json"));
  }
  EXPECT_THAT(shown("firewall address"), testing::Not(HasSubstr("lan")));
  EXPECT_EQ(as("application/json").status, 200);
  EXPECT_EQ(ask("POST", "/api/v2/authentication", R"({"username":"admin","secretkey":"x"})",
                {{"Content-Type", "text/plain"}})
                .status,
            415);
}

TEST_F(RefusalTest, ABodyThatSaysItIsCompressedIsNotReadAsWhatItIsNot) {
  auto headers = bearer;
  headers.emplace_back("Content-Encoding", "gzip");
  const auto reply = ask("POST", "/api/v2/cmdb/firewall/address", R"({"name":"lan"})", headers);
  EXPECT_EQ(reply.status, 415) << reply.text;
  EXPECT_THAT(reply.cli_error(), HasSubstr("without Content-Encoding"));
  EXPECT_THAT(shown("firewall address"), testing::Not(HasSubstr("lan")));
  EXPECT_EQ(ask("POST", "/api/v2/authentication", R"({"username":"admin","secretkey":"x"})",
                {{"Content-Encoding", "br"}})
                .status,
            415);
}

TEST_F(RefusalTest, ATokenThatIsTooLongIsSaidToBe) {
  const auto reply = ask("GET", "/api/v2/cmdb/firewall/address", "",
                         {{"Authorization", "Bearer " + std::string(5000, 'x')}});
  EXPECT_EQ(reply.status, 401);
  EXPECT_THAT(reply.cli_error(), HasSubstr("the API token is too long"));
}

}  // namespace
}  // namespace postern::gateway::api
