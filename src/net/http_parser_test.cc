#include "net/detail/http_parser.h"

#include <gtest/gtest.h>

namespace postern::net::detail {
namespace {

/// The body, fed in pieces of this size; "?" when it is refused or not whole.
template <class Parser>
std::string body_of(Parser& parser, std::string bytes, std::size_t piece) {
  std::string waiting;
  while (!bytes.empty() && !parser.done()) {
    waiting += bytes.substr(0, piece);
    bytes.erase(0, piece);
    if (!parser.feed(waiting)) return "?";
  }
  return parser.done() ? "" : "?";
}

TEST(HttpParser, ChunksInPiecesOfAnySize) {
  const std::string head = "Host: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  const std::pair<std::string, std::string> bodies[] = {
      {"0\r\n\r\n", ""}, {"3\r\nabc\r\n0\r\n\r\n", "abc"}, {"1\r\na\r\n2;x=y\r\nbc\r\n0\r\nT: 1\r\n\r\n", "abc"}};
  for (const auto& [chunks, body] : bodies) {
    for (std::size_t piece = 1; piece < 120; ++piece) {
      RequestParser request(8192, 65536);
      ASSERT_EQ(body_of(request, "POST /x HTTP/1.1\r\n" + head + chunks, piece), "") << chunks << piece;
      const auto taken = request.take();
      ASSERT_TRUE(taken) << taken.error().message;
      EXPECT_EQ(taken->body, body);
      ResponseParser response(65536);
      ASSERT_EQ(body_of(response, "HTTP/1.1 200 OK\r\n" + head + chunks, piece), "") << chunks << piece;
      EXPECT_EQ(response.take().body, body);
    }
  }
}

/// The path and its segments in brackets, or what is wrong.
std::string path_of(const std::string& target) {
  RequestParser parser(8192, 65536);
  std::string bytes = "GET " + target + " HTTP/1.1\r\nHost: a\r\n\r\n";
  if (!parser.feed(bytes) || !parser.done()) return "?";
  const auto request = parser.take();
  if (!request) return request.error().message;
  std::string out = request->path;
  for (const auto& segment : request->segments) out += " [" + segment + ']';
  return out;
}

TEST(HttpParser, AnEncodedSlashIsNoBorderBetweenSegments) {
  EXPECT_EQ(path_of("/"), "/ []");
  EXPECT_EQ(path_of("/a/b%20c/"), "/a/b c/ [a] [b c] []");
  EXPECT_EQ(path_of("/t/10.0.0.0%2F24"), "/t/10.0.0.0%2F24 [t] [10.0.0.0/24]");
  EXPECT_EQ(path_of("/t/10.0.0.0%2f24?x=1"), "/t/10.0.0.0%2F24 [t] [10.0.0.0/24]");
  EXPECT_EQ(path_of("/t/a%252Fb"), "/t/a%2Fb [t] [a%2Fb]");
  for (const auto* target : {"/a//b", "/a/../b", "/a/%2e%2E/b", "/./a", "//a"}) {
    EXPECT_EQ(path_of(target), "the path is not in its canonical form") << target;
  }
  EXPECT_EQ(path_of("/t/a%5cb"), "/t/a%5Cb [t] [a\\b]");
  EXPECT_EQ(path_of("/t/a\\b"), "the path has a forbidden character");
  EXPECT_EQ(path_of("/t/..%5C.."), "/t/..%5C.. [t] [..\\..]");
  EXPECT_EQ(path_of("/a%00"), "the path has a forbidden character");
  EXPECT_EQ(path_of("/a%2"), "the path has a broken % escape");
}

TEST(HttpParser, ANameIsRepeatedWhereTheListenerTakesIt) {
  const auto query = [](std::vector<std::string> repeatable) -> std::string {
    RequestParser parser(8192, 65536, std::move(repeatable));
    std::string bytes = "GET /?filter=a&x=1&filter=b%26&filter=c HTTP/1.1\r\nHost: a\r\n\r\n";
    EXPECT_TRUE(parser.feed(bytes));
    const auto request = parser.take();
    if (!request) return request.error().message;
    std::string out = request->query.at("filter");
    for (const auto& [name, value] : request->repeated) out += " " + name + "=" + value;
    return out;
  };
  EXPECT_EQ(query({}), "the query names filter twice");
  EXPECT_EQ(query({"x"}), "the query names filter twice");
  EXPECT_EQ(query({"filter"}), "a filter=b& filter=c");
}

TEST(HttpParser, ABodyCutShortInItsLastChunkIsNotWhole) {
  const std::string bytes = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
  for (std::size_t n = 1; n < bytes.size(); ++n) {
    ResponseParser response(65536);
    EXPECT_EQ(body_of(response, bytes.substr(0, n), 1), "?") << n;
    EXPECT_FALSE(response.finish()) << n;
  }
}

}  // namespace
}  // namespace postern::net::detail
