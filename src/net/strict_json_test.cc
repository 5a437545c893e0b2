#include "net/strict_json.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

namespace postern::net {
namespace {

std::string problem(std::string_view text) {
  const auto value = parse_strict_json(text, 16);
  return value ? "accepted" : value.error().message;
}

TEST(StrictJson, NoTwoReadersUnderstandItDifferently) {
  EXPECT_EQ(problem(R"({"a":"{\"x\":1}","b":{"c:d":"\\"}})"), "accepted");
  // The same member written in two ways is still the same member.
  for (const char* twice : {R"({"a":1,"a":1})", R"({"a":1,"\u0061":2})", R"([{"b":{"a":1,"a":1}}])"}) {
    EXPECT_EQ(problem(twice), "the body is not valid JSON: a member is there twice") << twice;
  }
  EXPECT_EQ(problem("[1e400]"), "the body is not valid JSON: a number is out of range");
  for (const char* wrong : {"", "{\"a\":1} x", "{\"a\":1,}", "// c\n{}", "\"\xff\"", "{'a':1}", "nan"}) {
    EXPECT_TRUE(problem(wrong).starts_with("the body is not valid JSON: ")) << wrong;
  }
}

TEST(StrictJson, IsAsDeepAsAllowed) {
  EXPECT_TRUE(parse_strict_json(std::string(16, '[') + std::string(16, ']'), 16));
  EXPECT_FALSE(parse_strict_json(std::string(17, '[') + std::string(17, ']'), 16));
  EXPECT_FALSE(parse_strict_json(std::string(1 << 20, '['), 16));
}

bool taken(const std::string& type) {
  HttpHeaders headers;
  headers.add("content-type", type);
  return check_json_type(headers).has_value();
}

TEST(StrictJson, WhatAForeignPageCanHaveABrowserSendIsNotReadAsJson) {
  EXPECT_TRUE(check_json_type({}));
  for (const char* type : {"application/json", "Application/JSON ; charset=utf-8", "application/merge-patch+json",
                           "application/x-www-form-urlencoded"}) {
    EXPECT_TRUE(taken(type)) << type;
  }
  for (const char* type : {"text/plain", "text/plain;application/json", "multipart/form-data; boundary=x", "text/json",
                           "application/xml", "application/jsonx", "text/x+json"}) {
    EXPECT_FALSE(taken(type)) << type;
  }
}

TEST(StrictJson, ACompressedBodyIsNotReadAsWhatItIsNot) {
  const auto coded = [](std::vector<std::string> codings) {
    HttpHeaders headers;
    for (auto& coding : codings) headers.add("content-encoding", std::move(coding));
    return check_body_coding(headers).has_value();
  };
  EXPECT_TRUE(coded({}));
  EXPECT_TRUE(coded({"Identity"}));
  for (const char* coding : {"gzip", "identity, br", "x"}) EXPECT_FALSE(coded({coding})) << coding;
  EXPECT_FALSE(coded({"identity", "deflate"}));
}

}  // namespace
}  // namespace postern::net
