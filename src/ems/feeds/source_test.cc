#include "ems/feeds/source.h"

#include <gtest/gtest.h>

namespace postern::ems {
namespace {

TEST(FeedSource, Names) {
  for (const char* good : {"a", "debian-tracker", "KEV_2025.json", "9"}) EXPECT_TRUE(valid_feed_name(good)) << good;
  for (const char* bad : {"", ".", "..", ".a", "a/b", "a b", "ä", "a\n"}) EXPECT_FALSE(valid_feed_name(bad)) << bad;
  EXPECT_TRUE(valid_feed_name(std::string(64, 'a')));
  EXPECT_FALSE(valid_feed_name(std::string(65, 'a')));
}

TEST(FeedSource, UrlsAreReadStrictly) {
  const struct {
    const char* text;
    FeedUrl url;
  } good[] = {
      {"https://Feeds.Example/a/b.json?x=1&y=%20", {true, "feeds.example", 443, "/a/b.json?x=1&y=%20"}},
      {"HTTPS://feeds.example/A", {true, "feeds.example", 443, "/A"}},
      {"https://feeds.example", {true, "feeds.example", 443, "/"}},
      {"https://feeds.example:8443?x", {true, "feeds.example", 8443, "/?x"}},
      {"https://[2001:db8::1]:8443/a", {true, "2001:db8::1", 8443, "/a"}},
      {"https://192.0.2.1/a", {true, "192.0.2.1", 443, "/a"}},
      {"http://127.0.0.1:9/a", {false, "127.0.0.1", 9, "/a"}},
      {"http://localhost/a", {false, "localhost", 80, "/a"}},
      {"http://[::1]/a", {false, "::1", 80, "/a"}},
  };
  for (const auto& c : good) {
    const auto url = parse_feed_url(c.text);
    ASSERT_TRUE(url) << c.text << ": " << url.error().message;
    EXPECT_EQ(*url, c.url) << c.text;
    EXPECT_EQ(*parse_feed_url(url->str()), c.url) << url->str();
  }
  for (const char* bad : {"", "feeds.example/a", "ftp://feeds.example/a", "httpss://feeds.example/a", "https://", "https:///a",
                          "https://a b/", "https://user@feeds.example/a", "https://user:pw@feeds.example/a",
                          "https://feeds.example/a#b", "https://feeds.example/a b", "https://feeds.example/\x7f",
                          "https://feeds.example:/a", "https://feeds.example:0/a", "https://feeds.example:65536/a",
                          "https://feeds.example:443x/a", "https://[2001:db8::1/a", "https://[1.2.3.4]/a",
                          "https://[::1]x/a", "https://[::1]:/a", "http://feeds.example/a", "http://192.0.2.1/a",
                          "http://localhost.example/a", "http://127.0.0.1.example/a"}) {
    EXPECT_FALSE(parse_feed_url(bad)) << bad;
  }
  EXPECT_FALSE(parse_feed_url("https://feeds.example/" + std::string(2048, 'a')));
}

TEST(FeedSource, IsFollowedButNeverToWhereAnybodyCanRead) {
  const auto from = *parse_feed_url("https://feeds.example:8443/a?b");
  EXPECT_EQ(follow_feed_url(from, "/c?d")->str(), "https://feeds.example:8443/c?d");
  EXPECT_EQ(follow_feed_url(from, "https://other.example/c")->str(), "https://other.example/c");
  for (const char* bad : {"", "c", "//other.example/c", "http://other.example/c", "http://127.0.0.1/c", "/a b"})
    EXPECT_FALSE(follow_feed_url(from, bad)) << bad;
  EXPECT_NE(follow_feed_url(from, "").error().message.find("not told to which"), std::string::npos);
  EXPECT_TRUE(follow_feed_url(*parse_feed_url("http://127.0.0.1/a"), "http://127.0.0.1:9/c"));
}

}  // namespace
}  // namespace postern::ems
