// What the listener refuses, and bodies that are no JSON by their own word: in the API's form.
#include <gtest/gtest.h>

#include "ems/api/api_lab.h"

namespace postern::ems::testing {
namespace {

TEST_F(ApiLab, WhatIsRefusedBeforeItIsARequestHasTheErrorsForm) {
  for (const auto& [status, error] : std::vector<std::pair<int, Error>>{
           {400, {ErrorCode::kInvalidArgument, "the query names cursor twice"}},
           {413, {ErrorCode::kResourceExhausted, "the request is too large"}}}) {
    const auto response = api->refuse(status, error);
    EXPECT_EQ(response.status, status);
    ASSERT_NE(response.headers.find("Content-Type"), nullptr);
    EXPECT_EQ(*response.headers.find("Content-Type"), "application/json");
    EXPECT_NE(response.headers.find("Content-Security-Policy"), nullptr);
    const auto told = [body = json::parse(response.body)](std::string_view name) {
      return Reply::member(Reply::member(body, "error"), name);
    };
    EXPECT_EQ(told("message"), json::value(error.message));
    EXPECT_EQ(told("code"), json::value(error_code_name(error.code)));
    ASSERT_NE(response.headers.find("X-Request-Id"), nullptr);
    EXPECT_EQ(told("request_id"), json::value(*response.headers.find("X-Request-Id")));
  }
}

TEST_F(ApiLab, AnUnknownMethodHasTheErrorsForm) {
  const Reply reply = call("BREW", "/api/v1/tags");
  EXPECT_EQ(reply.status, 405);
  EXPECT_EQ(reply.code(), "unsupported");
}

TEST_F(ApiLab, ABodyThatSaysItIsTextIsNotReadAsJson) {
  const std::string tag = R"({"name":"T","rules":[]})";
  const auto as = [&](const std::string& type, const std::string& method, const std::string& target, std::string body) {
    auto r = request(method, target, std::move(body));
    r.headers.add("Authorization", "Bearer " + admin_token);
    if (!type.empty()) r.headers.add("Content-Type", type);
    return send_request(std::move(r));
  };
  const std::string before = get("/api/v1/profiles").text;
  for (const char* type : {"text/plain", "text/plain; charset=UTF-8", "multipart/form-data; boundary=x"}) {
    for (const auto& reply : {as(type, "PUT", "/api/v1/profiles/Strict", "{}"), as(type, "PUT", "/api/v1/tags/T", tag)}) {
      EXPECT_EQ(reply.status, 415) << reply.text;
      EXPECT_EQ(reply.code(), "invalid_argument");
      EXPECT_NE(reply.message().find("Content-Type: application/json"), std::string::npos);
    }
  }
  EXPECT_EQ(get("/api/v1/profiles").text, before);
  for (const char* type : {"application/json", "application/json; charset=utf-8", "", "application/x-www-form-urlencoded"}) {
    EXPECT_EQ(as(type, "PUT", "/api/v1/profiles/Strict", "{}").status / 100, 2) << type;
  }
  // Signing in is for everybody: a foreign page must not do it either.
  auto signin = request("POST", "/api/v1/auth/signin", R"({"name":"admin","password":"Correct-Horse-Battery"})");
  signin.headers.add("Content-Type", "text/plain");
  EXPECT_EQ(send_request(std::move(signin)).status, 415);
}

TEST_F(ApiLab, ABodyThatSaysItIsCompressedIsNotReadAsWhatItIsNot) {
  const auto as = [&](const std::string& coding) {
    auto r = request("PUT", "/api/v1/profiles/Strict", "{}");
    r.headers.add("Authorization", "Bearer " + admin_token);
    r.headers.add("Content-Encoding", coding);
    return send_request(std::move(r));
  };
  const std::string before = get("/api/v1/profiles").text;
  const Reply reply = as("gzip");
  EXPECT_EQ(reply.status, 415) << reply.text;
  EXPECT_EQ(reply.code(), "invalid_argument");
  EXPECT_NE(reply.message().find("without Content-Encoding"), std::string::npos) << reply.text;
  EXPECT_EQ(get("/api/v1/profiles").text, before);
  EXPECT_EQ(as("identity").status / 100, 2);
}

TEST_F(ApiLab, ATokenThatIsTooLongIsSaidToBe) {
  auto r = request("GET", "/api/v1/tags", "");
  r.headers.add("Authorization", "Bearer " + std::string(5000, 'x'));
  const Reply reply = send_request(std::move(r));
  EXPECT_EQ(reply.status, 401);
  EXPECT_NE(reply.message().find("the API token is too long"), std::string::npos) << reply.text;
}

}  // namespace
}  // namespace postern::ems::testing
