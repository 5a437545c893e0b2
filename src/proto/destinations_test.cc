#include "proto/destinations.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/random.h"
#include "pki/authority.h"
#include "pki/certificate.h"

namespace postern::proto {
namespace {

using ::testing::HasSubstr;

std::string one(const std::string& more, const std::string& base = R"("name":"db","host":"DB.example","port":5432,"gateway":"gw.example:443")") {
  return R"({"destinations":[{)" + base + more + "}]}";
}

TEST(ZtnaDestinations, AreReadAsTheyAreWritten) {
  const auto read = parse_ztna_destinations(one(R"(,"path":"/tcp","listen":"[::1]:2222","fingerprint":")" + std::string(64, 'A') + "\""));
  ASSERT_TRUE(read) << read.error().message;
  ASSERT_EQ(read->size(), 1u);
  const auto& d = read->front();
  EXPECT_EQ(d.host, "db.example");
  EXPECT_EQ(d.listen.str(), "::1");
  EXPECT_EQ(d.listen_port, 2222);
  ASSERT_TRUE(d.fingerprint);
  EXPECT_EQ((*d.fingerprint)[31], 0xaa);
  EXPECT_EQ(*parse_ztna_destinations(print_ztna_destinations(*read)), *read);
  const auto plain = *parse_ztna_destinations(one(""));
  EXPECT_EQ(plain.front().path, "/");
  EXPECT_EQ(plain.front().listen.str(), "127.0.0.1");
  EXPECT_EQ(plain.front().listen_port, 0);
  EXPECT_TRUE(parse_ztna_destinations(R"({"destinations":[]})")->empty());
}

TEST(ZtnaDestinations, WhatIsWrongIsNamed) {
  const auto wrong = [](const std::string& json) {
    const auto read = parse_ztna_destinations(json);
    return read ? std::string("taken") : read.error().message;
  };
  EXPECT_THAT(wrong("{}"), HasSubstr("the list destinations"));
  EXPECT_THAT(wrong(R"({"destinations":[{}]})"), HasSubstr("destinations[0]: name: is missing"));
  for (const auto& [more, what] : std::vector<std::pair<std::string, std::string>>{
           {R"(,"listen":"10.0.0.1:22")", "must be a loopback address"},
           {R"(,"listen":"127.0.0.1")", "must be a loopback address"},
           {R"(,"listen":"127.0.0.1:65536")", "must be a loopback address"},
           {R"(,"path":"tcp")", "must be a path"},
           {R"(,"path":"/a//b")", "must be a path"},
           {R"(,"path":"/a/../b")", "must be a path"},
           {R"(,"path":"/a\r\nX: y")", "path"},
           {R"(,"fingerprint":"00")", "SHA-256"},
           {R"(,"ca":"nothing")", "PEM"},
           {R"(,"color":"red")", "there is no such field"}}) {
    EXPECT_THAT(wrong(one(more)), HasSubstr(what)) << more;
  }
  for (const auto& [base, what] : std::vector<std::pair<std::string, std::string>>{
           {R"("name":"a b","host":"h","port":1,"gateway":"g:1")", "name"},
           {R"("name":"a","host":"h/x","port":1,"gateway":"g:1")", "host"},
           {R"("name":"a","host":"h","port":0,"gateway":"g:1")", "port"},
           {R"("name":"a","host":"h","port":65536,"gateway":"g:1")", "port"},
           {R"("name":"a","host":"h","port":"22","gateway":"g:1")", "port"},
           {R"("name":"a","host":"h","port":1,"gateway":"g")", "gateway"}}) {
    EXPECT_THAT(wrong(one("", base)), HasSubstr("destinations[0]: " + what)) << base;
  }
  const std::string a = R"({"name":"a","host":"h","port":1,"gateway":"g:1","listen":"127.0.0.1:9"})";
  const std::string b = R"({"name":"b","host":"h","port":1,"gateway":"g:1","listen":"127.0.0.1:9"})";
  EXPECT_THAT(wrong("{\"destinations\":[" + a + "," + a + "]}"), HasSubstr("is that of another"));
  EXPECT_THAT(wrong("{\"destinations\":[" + a + "," + b + "]}"), HasSubstr("another destination listens there"));
}

TEST(ZtnaDestinations, OneAloneIsNamedByItsFields) {
  const auto d = parse_ztna_destination(R"({"name":"db","host":"h","port":1,"gateway":"g:1"})");
  ASSERT_TRUE(d) << d.error().message;
  EXPECT_EQ(*parse_ztna_destination(print_ztna_destination(*d)), *d);
  EXPECT_EQ(parse_ztna_destination(R"({"name":"db","host":"h","port":0,"gateway":"g:1"})").error().message,
            "port: must be a number from 1 to 65535");
  EXPECT_EQ(parse_ztna_destination("{}").error().message, "name: is missing");
  EXPECT_FALSE(parse_ztna_destination("[]"));
  auto other = *d;
  EXPECT_EQ(check_ztna_destinations({*d, other}).error().message, "name: there is a destination db already");
  other.name = "b";
  EXPECT_TRUE(check_ztna_destinations({*d, other}));  // the agent chooses both
  other.listen_port = 9;
  auto third = other;
  third.name = "c";
  EXPECT_EQ(check_ztna_destinations({other, third}).error().message, "listen: b listens at 127.0.0.1:9, too");
  third.listen = *IpAddress::parse("127.0.0.2");
  EXPECT_TRUE(check_ztna_destinations({other, third}));
}

TEST(ZtnaDestinations, WhatIsTakenCanBeReadAgainAsItIsKept) {
  // They are kept longer than they were written: with what is left out.
  auto list = [](std::size_t large) {
    std::vector<ZtnaDestination> out(64);
    for (std::size_t i = 0; i < out.size(); ++i) {
      out[i].name = "d" + std::to_string(i);
      out[i].ca_pem.assign(large, 'x');
    }
    return out;
  };
  EXPECT_TRUE(check_ztna_destinations(list(3900)));
  EXPECT_EQ(check_ztna_destinations(list(4096)).error().code, ErrorCode::kResourceExhausted);
}

TEST(ZtnaDestinations, ThereAreSixtyFourAtMost) {
  const auto many = [](int n) {
    std::string out;
    for (int i = 0; i < n; ++i) {
      out += (i > 0 ? "," : "") + (R"({"name":"d)" + std::to_string(i)) + R"(","host":"h","port":1,"gateway":"g:1"})";
    }
    return "{\"destinations\":[" + out + "]}";
  };
  EXPECT_TRUE(parse_ztna_destinations(many(64)));
  EXPECT_FALSE(parse_ztna_destinations(many(65)));
}

}  // namespace
}  // namespace postern::proto
