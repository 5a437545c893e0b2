#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/clock.h"
#include "base/file.h"
#include "base/hex.h"
#include "base/ids.h"
#include "base/ip.h"
#include "base/log.h"
#include "base/random.h"
#include "base/sha256.h"
#include "base/text.h"
#include "base/utf8.h"

namespace postern {
namespace {

using testing::ElementsAre;

TEST(Hex, RoundTripsAndRefusesRubbish) {
  EXPECT_EQ(to_hex_colons(Bytes{0xAB, 0x01}), "AB:01");
  EXPECT_EQ(from_hex("ab:01"), (Bytes{0xAB, 0x01}));
  EXPECT_EQ(from_hex("AB01"), (Bytes{0xAB, 0x01}));
  for (const char* bad : {"a", "ab:1", "ab::01", "zz", "ab:01:", "ab01:02"}) EXPECT_FALSE(from_hex(bad)) << bad;
}

TEST(Base64, RoundTripsEveryLength) {
  SeededRandom random(1);
  for (std::size_t n = 0; n < 40; ++n) {
    Bytes b(n);
    random.fill(b);
    EXPECT_EQ(from_base64(to_base64(b)), b);
    EXPECT_EQ(from_base64(to_base64url(b)), b);
  }
  EXPECT_FALSE(from_base64("a"));
  EXPECT_FALSE(from_base64("ab*d"));
}

TEST(Ip, ParsesNormalisesAndPrints) {
  EXPECT_EQ(IpAddress::parse("::ffff:10.0.1.2"), IpAddress::parse("10.0.1.2"));
  EXPECT_EQ(IpAddress::parse("2001:DB8::1")->str(), "2001:db8::1");
  for (const char* bad : {"", "10.0.1", "10.0.1.256", "fe80::1%eth0", "10.0.1.2/24"}) {
    EXPECT_FALSE(IpAddress::parse(bad)) << bad;
  }
  EXPECT_FALSE(IpAddress::parse(std::string_view("10.0.1.2\0x", 10)));
}

TEST(IpRange, OfIpv4InIpv6NotationIsIpv4) {
  const auto range = *IpRange::parse("::ffff:10.0.1.0/120");
  EXPECT_EQ(range.first, *IpAddress::parse("10.0.1.0"));
  EXPECT_EQ(range.last, *IpAddress::parse("10.0.1.255"));
  // Less than the 96 bits that make it IPv4, and ranges that begin as IPv6 and end as IPv4.
  for (const char* bad : {"::ffff:10.0.1.0/24", "::ffff:10.0.1.0/129", "::/80", "::fffe:0:0/95"}) {
    EXPECT_FALSE(IpRange::parse(bad)) << bad;
  }
  EXPECT_TRUE(IpRange::parse("::/0")->contains(*IpAddress::parse("2001:db8::1")));
}

TEST(IpRange, ContainsItsEndsAndNothingElse) {
  const auto range = *IpRange::parse("10.0.1.0/24");
  EXPECT_TRUE(range.contains(*IpAddress::parse("10.0.1.0")));
  EXPECT_TRUE(range.contains(*IpAddress::parse("10.0.1.255")));
  EXPECT_FALSE(range.contains(*IpAddress::parse("10.0.2.0")));
  EXPECT_FALSE(range.contains(*IpAddress::parse("::1")));
  EXPECT_TRUE(IpRange::parse("10.0.2.1-10.0.2.9")->contains(*IpAddress::parse("10.0.2.9")));
  EXPECT_FALSE(IpRange::parse("10.0.2.1-10.0.2.9")->contains(*IpAddress::parse("10.0.2.10")));
  for (const char* bad : {"10.0.0.0/33", "10.0.0.9-10.0.0.1", "::/129", "10.0.0.0/", "1.2.3.4-::1"}) {
    EXPECT_FALSE(IpRange::parse(bad)) << bad;
  }
}

TEST(Mac, ParsesBothForms) {
  EXPECT_EQ(MacAddress::parse("02-09-0F-00-01-02")->str(), "02:09:0f:00:01:02");
  EXPECT_FALSE(MacAddress::parse("02:09:0f:00:01"));
  EXPECT_FALSE(MacAddress::parse("02:09:0f:00:01:0g"));
}

TEST(Ids, NormaliseAndRefuse) {
  EXPECT_EQ(parse_endpoint_uid("9a016b5a6e914b42ad4168c066eb04ca").str(), "9A016B5A6E914B42AD4168C066EB04CA");
  EXPECT_TRUE(parse_endpoint_uid("9a01").empty());
  EXPECT_TRUE(valid_tag_name("Vulnerable-Device"));
  EXPECT_FALSE(valid_tag_name(" x"));
  EXPECT_FALSE(valid_tag_name("a/b"));
  EXPECT_TRUE(valid_gateway_serial("PGW0123456789ABC"));
  EXPECT_TRUE(valid_ems_serial("PSTEMS0123456789"));
}

TEST(Text, Splits) { EXPECT_THAT(split("a,,b", ','), ElementsAre("a", "", "b")); }

TEST(Clock, PrintsBothForms) {
  setenv("TZ", "UTC", 1);
  tzset();
  EXPECT_EQ(to_iso8601(from_unix_ms(1764175401123)), "2025-11-26T16:43:21.123Z");
  EXPECT_EQ(to_iso8601(from_unix_ms(-1)), "1969-12-31T23:59:59.999Z");
  // What endpoints say may be anything.
  EXPECT_EQ(to_iso8601(from_unix_ms(std::numeric_limits<std::int64_t>::min())), "0001-01-01T00:00:00.000Z");
  EXPECT_EQ(to_iso8601(from_unix_ms(std::numeric_limits<std::int64_t>::max())), "9999-12-31T23:59:59.999Z");
  EXPECT_EQ(to_asctime(from_unix_ms(1764175401123)), "Wed Nov 26 16:43:21 2025");
}

TEST(Clock, ManualAddsUpSmallSteps) {
  ManualClock clock(from_unix_ms(0));
  for (int i = 0; i < 10; ++i) clock.advance(std::chrono::microseconds(300));
  EXPECT_EQ(to_unix_ms(clock.now().wall), 3);
}

TEST(Sha256, KnownAnswer) {
  EXPECT_EQ(to_hex_lower(sha256(std::string_view("abc"))),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(File, WritesAtomicallyAndReadsBounded) {
  const auto dir = std::filesystem::path(testing::TempDir()) / "postern_file_test";
  ASSERT_TRUE(make_directories(dir));
  ASSERT_TRUE(write_file_atomic(dir / "x", "hello"));
  EXPECT_EQ(*read_file(dir / "x", 5), "hello");
  EXPECT_EQ(read_file(dir / "x", 4).error().code, ErrorCode::kResourceExhausted);
  EXPECT_EQ(read_file(dir / "y", 4).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(read_file(dir, 4).error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(read_file("/dev/null", 4).error().code, ErrorCode::kUnsupported);
  std::filesystem::remove_all(dir);
}

TEST(Log, QuotesHostileText) {
  EXPECT_EQ(json_quote("a\"b\\\n\x01"), "\"a\\\"b\\\\\\u000a\\u0001\"");
  EXPECT_EQ(json_quote("\xC3\xA4\xff\xed\xa0\x80"), "\"\xC3\xA4\\ufffd\\ufffd\\ufffd\\ufffd\"");
}

struct Line {
  const char* what;
  std::string_view text, line, json;
};

TEST(OneLine, OrdersToTerminalsAndReadersAreTakenOutOfOthersTexts) {
  using namespace std::string_view_literals;
  const Line lines[] = {
      {"nothing", "", "", R"("")"},
      {"plain", "a b~", "a b~", R"("a b~")"},
      {"NUL", "a\0b"sv, "a b", R"("a\u0000b")"},
      {"line break", "a\r\nb\tc", "a  b c", R"("a\u000d\u000ab\u0009c")"},
      {"escape", "\x1b[2Ja", " [2Ja", R"("\u001b[2Ja")"},
      {"DEL", "a\x7f", "a ", R"("a\u007f")"},
      {"first C1", "\u0080", " ", R"("\u0080")"},
      {"CSI as UTF-8", "\u009b2Ja", " 2Ja", R"("\u009b2Ja")"},
      {"last C1", "\u009f", " ", R"("\u009f")"},
      {"CSI as a byte", "\x9b" "2Ja", "\uFFFD2Ja", R"("\ufffd2Ja")"},
      {"after C1", "\u00a0\u00ad", "\u00a0\u00ad", "\"\u00a0\u00ad\""},
      {"before separators", "\u2027", "\u2027", "\"\u2027\""},
      {"line separator", "a\u2028b", "a b", R"("a\u2028b")"},
      {"paragraph separator", "a\u2029b", "a b", R"("a\u2029b")"},
      {"embedding", "\u202a", " ", R"("\u202a")"},
      {"override", "txt.\u202eexe", "txt. exe", R"("txt.\u202eexe")"},
      {"after overrides", "\u202f\u2065", "\u202f\u2065", "\"\u202f\u2065\""},
      {"first isolate", "\u2066", " ", R"("\u2066")"},
      {"last isolate", "\u2069", " ", R"("\u2069")"},
      {"after isolates", "\u206a", "\u206a", "\"\u206a\""},
      {"two bytes", "\u00e4\u07ff", "\u00e4\u07ff", "\"\u00e4\u07ff\""},
      {"three bytes", "\u0800\u20ac\ufffd\uffff", "\u0800\u20ac\ufffd\uffff", "\"\u0800\u20ac\ufffd\uffff\""},
      {"four bytes", "\U00010000\U0001f512\U0010ffff", "\U00010000\U0001f512\U0010ffff",
       "\"\U00010000\U0001f512\U0010ffff\""},
      {"right to left, by itself", "\u05e9\u05dc\u05d5\u05dd\u200f", "\u05e9\u05dc\u05d5\u05dd\u200f",
       "\"\u05e9\u05dc\u05d5\u05dd\u200f\""},
      {"cut short", "a\xe2\x82", "a\uFFFD\uFFFD", R"("a\ufffd\ufffd")"},
      {"overlong line break", "\xc0\x8a", "\uFFFD\uFFFD", R"("\ufffd\ufffd")"},
      {"overlong escape", "\xe0\x80\x9b", "\uFFFD\uFFFD\uFFFD", R"("\ufffd\ufffd\ufffd")"},
      {"overlong in four", "\xf0\x80\x80\x8a", "\uFFFD\uFFFD\uFFFD\uFFFD", R"("\ufffd\ufffd\ufffd\ufffd")"},
      {"surrogate", "\xed\xa0\x80", "\uFFFD\uFFFD\uFFFD", R"("\ufffd\ufffd\ufffd")"},
      {"past the end", "\xf4\x90\x80\x80", "\uFFFD\uFFFD\uFFFD\uFFFD", R"("\ufffd\ufffd\ufffd\ufffd")"},
      {"no lead", "\xff" "a", "\uFFFDa", R"("\ufffda")"},
  };
  for (const auto& l : lines) {
    EXPECT_EQ(one_line(l.text), l.line) << l.what;
    EXPECT_EQ(json_quote(l.text), l.json) << l.what;
  }
}

}  // namespace
}  // namespace postern
