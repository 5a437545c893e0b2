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

TEST(ZtnaDestinations, WhatIsTakenCanBeReadAgainHoweverLargeItIs) {
  SeededRandom random(1);
  const auto pem = pki::to_pem(pki::make_root("CA", "Lab", {from_unix_ms(0), from_unix_ms(86'400'000)}, random).certificate);
  std::string ca = "\\n";  // behind what is no certificate
  for (const char c : pem) ca += c == '\n' ? std::string("\\n") : std::string(1, c);
  const auto of_size = [&](std::size_t size) {
    const std::string empty = one(R"(,"ca":"")");
    return one(R"(,"ca":")" + std::string(size - empty.size() - ca.size(), ' ') + ca + '"');
  };
  int taken = 0, refused = 0;
  for (std::size_t size = kMaxDestinationsJson - 200; size <= kMaxDestinationsJson; size += 10) {
    const auto json = of_size(size);
    ASSERT_EQ(json.size(), size);
    const auto read = parse_ztna_destinations(json);
    if (read) {
      ++taken;
      EXPECT_EQ(*parse_ztna_destinations(print_ztna_destinations(*read)), *read);
    } else {
      ++refused;
      EXPECT_EQ(read.error().code, ErrorCode::kResourceExhausted) << read.error().message;
    }
  }
  EXPECT_GT(taken, 0);
  EXPECT_GT(refused, 0);
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
