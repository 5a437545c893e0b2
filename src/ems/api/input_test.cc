#include "ems/api/input.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

namespace postern::ems::api {
namespace {

const std::vector<Field> kFields = {
    {.name = "name", .required = true, .min = 1, .max = 8},
    {.name = "count", .type = FieldType::kInteger, .min = 1, .max = 10},
    {.name = "on", .type = FieldType::kBoolean},
    {.name = "kinds", .type = FieldType::kTexts, .max = 2, .values = {"a", "b"}},
    {.name = "mode", .values = {"all", "any"}},
    {.name = "note", .multiline = true},
};

std::string problem(std::string_view body) {
  auto got = read_fields(kFields, body);
  if (got) return "accepted";
  EXPECT_EQ(got.error().code, ErrorCode::kInvalidArgument);
  return got.error().message;
}

TEST(Input, AcceptsExactlyTheDescribedFields) {
  auto got = read_fields(kFields, R"({"name":"x","count":10,"on":false,"kinds":["a"],"mode":"any","note":"a\nb"})");
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->at("count").as_int64(), 10);
}

TEST(Input, NamesWhatIsWrong) {
  EXPECT_EQ(problem(R"({"nam":"x"})"), "unknown field \"nam\"; known are: name, count, on, kinds, mode, note");
  EXPECT_EQ(problem("{}"), "name: is missing");
  EXPECT_EQ(problem(""), "name: is missing");
  EXPECT_EQ(problem(R"({"name":7})"), "name: must be a text");
  EXPECT_EQ(problem(R"({"name":""})"), "name: must be 1 to 8 bytes long, not 0");
  EXPECT_EQ(problem(R"({"name":"123456789"})"), "name: must be 1 to 8 bytes long, not 9");
  EXPECT_EQ(problem(R"({"name":"a\u0000b"})"), "name: must be UTF-8 text without control characters");
  EXPECT_EQ(problem(R"({"name":"x","count":0})"), "count: must be 1 to 10, not 0");
  EXPECT_EQ(problem(R"({"name":"x","count":"1"})"), "count: must be a whole number from 1 to 10");
  EXPECT_EQ(problem(R"({"name":"x","count":1.5})"), "count: must be a whole number from 1 to 10");
  EXPECT_EQ(problem(R"({"name":"x","count":18446744073709551615})"), "count: must be a whole number from 1 to 10");
  EXPECT_EQ(problem(R"({"name":"x","on":1})"), "on: must be true or false");
  EXPECT_EQ(problem(R"({"name":"x","kinds":["a","c"]})"), "kinds: must be one of a, b, not \"c\"");
  EXPECT_EQ(problem(R"({"name":"x","kinds":["a","b","a"]})"), "kinds: must hold 0 to 2 texts, not 3");
  EXPECT_EQ(problem(R"({"name":"x","kinds":[1]})"), "kinds: must be a list of texts");
  EXPECT_EQ(problem(R"({"name":"x","mode":"none"})"), "mode: must be one of all, any, not \"none\"");
  EXPECT_EQ(problem("[1]"), "the body must be a JSON object");
}

TEST(Input, JsonIsStrict) {
  EXPECT_FALSE(parse_json("{\"a\":1} x"));
  EXPECT_FALSE(parse_json("{\"a\":1,}"));
  EXPECT_FALSE(parse_json("// c\n{}"));
  EXPECT_FALSE(parse_json("\"\xff\""));
  EXPECT_FALSE(parse_json(""));
  EXPECT_FALSE(parse_json("[1e400]"));
  EXPECT_TRUE(parse_json(R"({"a":"{\"x\":1}","b":{"c:d":"\\"}})"));
  // The same member written in two ways is still the same member.
  EXPECT_FALSE(parse_json(R"({"a":1,"\u0061":2})"));
  EXPECT_FALSE(parse_json(R"([{"b":{"a":1,"a":1}}])"));
  EXPECT_TRUE(parse_json(std::string(kMaxJsonDepth, '[') + std::string(kMaxJsonDepth, ']')));
  EXPECT_FALSE(parse_json(std::string(kMaxJsonDepth + 1, '[') + std::string(kMaxJsonDepth + 1, ']')));
  EXPECT_FALSE(parse_json(std::string(1 << 20, '[')));
}

TEST(Input, QueryIsChecked) {
  EXPECT_TRUE(check_query(kFields, {{"name", "x"}, {"count", "3"}, {"on", "true"}}));
  EXPECT_FALSE(check_query(kFields, {{"name", "x"}, {"count", "11"}}));
  EXPECT_FALSE(check_query(kFields, {{"name", "x"}, {"count", "99999999999999999999"}}));
  EXPECT_FALSE(check_query(kFields, {{"name", "x"}, {"count", "-1"}}));
  EXPECT_FALSE(check_query(kFields, {{"name", "x"}, {"on", "yes"}}));
  auto unknown = check_query(kFields, {{"name", "x"}, {"<script>", "1"}});
  ASSERT_FALSE(unknown);
  EXPECT_NE(unknown.error().message.find("<script>"), std::string::npos);
}

TEST(Input, FormsAreDecodedOnce) {
  auto form = read_form({{.name = "a"}, {.name = "b"}}, "a=x+y%20z&b=%2541");
  ASSERT_TRUE(form);
  EXPECT_EQ(form->at("a"), "x y z");
  EXPECT_EQ(form->at("b"), "%41");
  EXPECT_FALSE(read_form({{.name = "a"}}, "a=1&a=2"));
  EXPECT_FALSE(read_form({{.name = "a"}}, "a=%4"));
  EXPECT_FALSE(read_form({{.name = "a"}}, "a=%zz"));
  EXPECT_FALSE(read_form({{.name = "a"}}, "a=%00"));
  EXPECT_FALSE(read_form({{.name = "a"}}, "c=1"));
}

TEST(Input, CleanTextIsUtf8WithoutControls) {
  EXPECT_TRUE(clean_text("Zürich — 東京 🚪"));
  EXPECT_FALSE(clean_text("a\nb"));
  EXPECT_TRUE(clean_text("a\nb", true));
  EXPECT_FALSE(clean_text("\x1b[31m", true));
  EXPECT_FALSE(clean_text("\xc2\x85"));          // U+0085, a control
  EXPECT_FALSE(clean_text("\xc0\xaf"));          // overlong '/'
  EXPECT_FALSE(clean_text("\xed\xa0\x80"));      // a surrogate
  EXPECT_FALSE(clean_text("\xf4\x90\x80\x80"));  // past U+10FFFF
  EXPECT_FALSE(clean_text("\xe2\x82"));          // cut off
}

TEST(Input, TimesAreReadAsTheyAreWritten) {
  const WallTime time = from_unix_ms(1'780'000'000'123);
  EXPECT_EQ(*parse_time(to_iso8601(time)), time);
  EXPECT_EQ(*parse_time("2026-05-28T20:26:40Z"), from_unix_ms(1'780'000'000'000));
  EXPECT_EQ(*parse_time("2026-05-28T22:26:40.1+02:00"), from_unix_ms(1'780'000'000'100));
  EXPECT_EQ(*parse_time("2026-05-28T19:56:40.123999-00:30"), time);
  EXPECT_EQ(*parse_time("1970-01-01T00:00:00Z"), WallTime{});
  for (const char* wrong :
       {"", "yesterday", "2026-05-28", "2026-05-28T20:26:40", "2026-05-28 20:26:40Z", "2026-13-01T00:00:00Z",
        "2026-02-30T00:00:00Z", "2026-05-28T24:00:00Z", "2026-05-28T20:60:00Z", "2026-05-28T20:26:40.Z",
        "2026-05-28T20:26:40Zx", "2026-05-28T20:26:40+1:00", "1969-12-31T23:59:59Z", "1970-01-01T00:00:00+01:00",
        "1780000000"}) {
    EXPECT_FALSE(parse_time(wrong)) << wrong;
  }
}

}  // namespace
}  // namespace postern::ems::api
