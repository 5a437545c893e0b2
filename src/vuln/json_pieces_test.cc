#include "vuln/json_pieces.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <string>
#include <vector>

namespace postern::vuln {
namespace {

using Lines = std::vector<std::string>;

struct PiecesRead {
  Status status;
  Lines pieces;
};

PiecesRead read_pieces(std::string_view text, std::size_t chunk = 1'000'000, JsonPieceLimits limits = {}) {
  PiecesRead out;
  JsonPieces json(limits, [&](const std::string& key, const std::string& name, const boost::json::value& value) -> Status {
    out.pieces.push_back(key + "/" + name + "=" + boost::json::serialize(value));
    if (name == "stop") return fail(ErrorCode::kUnavailable, "stopped");
    return {};
  });
  for (std::size_t at = 0; at < text.size() && out.status; at += chunk) out.status = json.feed(text.substr(at, chunk));
  if (out.status) out.status = json.end();
  return out;
}

constexpr std::string_view kDocument =
    R"( {"a": {"x": {"k": [1, -2, 2.5, true, null, "t\u00e9\n"]}, "y": "text"}, "title": "T", "n": 18446744073709551615,
  "list": [{"id": 1}, [], 3], "none": {}, "empty": [], "last\n": {"": {}}} )";

TEST(JsonPieces, GivesMembersOfMembersAndWhatIsNeitherObjectNorArray) {
  const auto out = read_pieces(kDocument);
  ASSERT_TRUE(out.status) << out.status.error().message;
  EXPECT_EQ(out.pieces, (Lines{R"(a/x={"k":[1,-2,2.5E0,true,null,"té\n"]})", R"(a/y="text")", R"(title/="T")",
                               "n/=18446744073709551615", R"(list/0={"id":1})", "list/1=[]", "list/2=3",
                               "last\n/={}"}));
}

TEST(JsonPieces, ReadsTheSameHoweverItIsCut) {
  const auto whole = read_pieces(kDocument).pieces;
  for (const std::size_t chunk : {1, 2, 3, 7, 50}) {
    const auto out = read_pieces(kDocument, chunk);
    ASSERT_TRUE(out.status) << chunk << ": " << out.status.error().message;
    EXPECT_EQ(out.pieces, whole) << chunk;
  }
}

TEST(JsonPieces, SaysWhatIsWrongAndWhere) {
  const struct {
    const char* text;
    ErrorCode code;
    const char* says;
  } cases[] = {
      {"", ErrorCode::kDataLoss, "cut off"},
      {"  \n ", ErrorCode::kDataLoss, "cut off"},
      {R"({"a": {"b": 1})", ErrorCode::kDataLoss, "cut off"},
      {R"({"a": {"b": "tex)", ErrorCode::kDataLoss, "cut off"},
      {"{\"a\": {\"b\": 1},\n\n x}", ErrorCode::kInvalidArgument, "line 3: not JSON"},
      {"[1]", ErrorCode::kInvalidArgument, "not a JSON object"},
      {"3 ", ErrorCode::kInvalidArgument, "not a JSON object"},
      {"{} {}", ErrorCode::kDataLoss, "follows the end"},
      {R"({"a": {"b": [[[[1]]]]}})", ErrorCode::kInvalidArgument, "nested deeper than 5"},
      {R"({"a": {"b": "0123456789012345678901234567890123456789"}})", ErrorCode::kResourceExhausted, "a: b: an entry"},
  };
  for (const auto& c : cases) {
    const auto out = read_pieces(c.text, 1'000'000, {50, 5});
    ASSERT_FALSE(out.status) << c.text;
    EXPECT_EQ(out.status.error().code, c.code) << c.text << ": " << out.status.error().message;
    EXPECT_NE(out.status.error().message.find(c.says), std::string::npos) << c.text << ": " << out.status.error().message;
  }
}

TEST(JsonPieces, TheSizeOfOnePieceIsBoundedAndNotTheirSum) {
  std::string many = "{\"a\": [";
  for (int i = 0; i < 1000; ++i) many += (i == 0 ? "\"" : ",\"") + std::string(20, 'x') + "\"";
  many += "]}";
  const auto out = read_pieces(many, 1000, {80, 5});
  EXPECT_TRUE(out.status) << out.status.error().message;
  EXPECT_EQ(out.pieces.size(), 1000u);
}

TEST(JsonPieces, StopsAtAnErrorOfTheSink) {
  const auto out = read_pieces(R"({"a": {"x": 1, "stop": 2, "y": 3}})");
  ASSERT_FALSE(out.status);
  EXPECT_EQ(out.status.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(out.pieces.size(), 2u);
}

}  // namespace
}  // namespace postern::vuln
