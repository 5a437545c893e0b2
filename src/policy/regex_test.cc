// Regular expressions as tables of states. That they say what RE2 says is shown in gateway/config/url_map_test.cc.
#include "policy/regex.h"

#include <gtest/gtest.h>

#include <cstring>

#include "policy/compile.h"
#include "policy/decide.h"

namespace postern::policy {
namespace {

Result<Bytes> made(std::string_view pattern) {
  std::size_t work = kRegexWork;
  return compile_regex(pattern, work);
}

bool matches(std::string_view pattern, std::string_view text) {
  const auto program = made(pattern);
  EXPECT_TRUE(program) << pattern << ": " << (program ? "" : program.error().message);
  if (!program) return false;
  EXPECT_TRUE(sound_regex(*program)) << pattern;
  return regex_match(*program, text);
}

TEST(Regex, IsLookedForAnywhere) {
  struct Case {
    const char *pattern, *text;
    bool matches;
  };
  for (const auto& c : {
           Case{"/admin", "/x/admin/y", true}, {"/admin", "/adm", false},
           {"^/admin", "/x/admin", false}, {"^/admin", "/admin", true},
           {"\\.php$", "/a.php", true}, {"\\.php$", "/a.php5", false}, {"\\.php$", "/aphp", false},
           {"^/v[0-9]+/users$", "/v12/users", true}, {"^/v[0-9]+/users$", "/v/users", false},
           {"^/(a|bc)/?$", "/bc/", true}, {"^/(a|bc)/?$", "/abc", false},
           {"^/(?:a|b)*c", "/ababc", true}, {"a{2,3}$", "/a", false}, {"^/a{2,3}$", "/aaa", true},
           {"^/a{2,3}$", "/aaaa", false}, {"^/a{2}$", "/aaa", false}, {"^/a{2,}$", "/aaaaa", true},
           {"^/[^/]+$", "/one", true}, {"^/[^/]+$", "/one/two", false}, {"^/[\\w-]+$", "/a_b-c", true},
           {"^/[]a]$", "/]", true}, {"^/[a-]$", "/-", true}, {"^/\\x41$", "/A", true},
           {"(?i)^/admin$", "/AdMiN", true}, {"^/admin$", "/Admin", false}, {"(?i)[^a]$", "/A", false},
           {"^/.+?x", "/abx", true}, {"^/a{x", "/a{x", true}, {"^/\\d\\D\\s?\\S$", "/1ab", true},
           {"", "/", true}, {"^", "/", true}, {"$", "/", true}, {"a*", "/", true}, {"^$", "/", false},
           {"^$", "", true}, {"$^", "", true}, {"$^", "/", false}, {"$^|/b", "/a", false}, {"a^b", "/a^b", false},
           {"a$b", "/a$b", false}, {"(^|/)x", "/a/x", true}, {"(^|/)x", "xa", true}, {"(^|/)x", "ax", false},
           {"x($|/)", "/ax", true}, {"x($|/)", "/xa", false}, {"()", "/", true}, {"(|a)b", "/b", true},
           {"^/\xc3\xa9$", "/\xc3\xa9", true}, {"^/..$", "/\xc3\xa9", true}, {"a|", "/", true}, {"/\\*\\$", "/a/*$", true},
       }) {
    EXPECT_EQ(matches(c.pattern, c.text), c.matches) << c.pattern << "  " << c.text;
  }
}

TEST(Regex, SaysWhatIsWrong) {
  struct Case {
    const char *pattern, *why;
  };
  for (const auto& c : {Case{"(a", "a ( is not closed"}, {"a)", "a ) closes nothing"}, {"[a", "a [ is not closed"},
                        {"*a", "* has nothing to repeat"}, {"a|+", "+ has nothing to repeat"},
                        {"{2}", "{ } has nothing to repeat"}, {"a**", "can't be repeated again"},
                        {"a*+", "can't be repeated again"}, {"a{2}{3}", "can't be repeated again"},
                        {"^*a", "^ and $ can't be repeated"}, {"(a)\\1", "\\1 is not known"}, {"\\bx", "\\b is not known"},
                        {"(?=a)", "what begins with (?"}, {"(?P<n>a)", "what begins with (?"},
                        {"a(?i)", "what begins with (?"}, {"[z-a]", "goes backwards"}, {"a{3,2}", "goes backwards"},
                        {"[[:alpha:]]", "[: is not known"}, {"[a-\\d]", "a range can't end"}, {"\\", "nothing stands behind"},
                        {"\\x4", "two hexadecimal digits"}, {"\\x4g", "two hexadecimal digits"},
                        {"a{256}", "more than 255 times"}, {"(*UTF)a", "what begins with (?"}}) {
    const auto program = made(c.pattern);
    ASSERT_FALSE(program) << c.pattern;
    EXPECT_NE(program.error().message.find(c.why), std::string::npos) << c.pattern << ": " << program.error().message;
  }
  std::string deep(40, '('), deeper(41, '(');
  EXPECT_TRUE(made(deep + "a" + std::string(40, ')')));
  EXPECT_FALSE(made(deeper + "a" + std::string(41, ')')));
}

TEST(Regex, WhatWouldBecomeTooLargeIsRefusedAtOnce) {
  EXPECT_TRUE(matches("a.{8}b", "/a12345678b"));
  EXPECT_FALSE(matches("a.{8}b", "/a1234567b"));
  for (const auto* pattern : {"a.{20}b", "(a.{10}|b.{11}){3}", "(((a{100}){100}){100}){100}", "((((){255}){255}){255}){255}",
                              "(.{255}){5}"}) {
    const auto program = made(pattern);
    ASSERT_FALSE(program) << pattern;
    EXPECT_NE(program.error().message.find("more than 1000 states"), std::string::npos) << program.error().message;
  }
  EXPECT_TRUE(made("^/.{255}$"));
  // Together they may take so much and no more.
  std::size_t work = kRegexWork;
  int taken = 0;
  while (compile_regex("a.{8}b", work)) ASSERT_LT(++taken, 1000);
  EXPECT_GT(taken, 3);
  std::size_t ordinary = kRegexWork;
  ASSERT_TRUE(compile_regex("^/v[0-9]+/(users|groups)(/|$)", ordinary));
  EXPECT_LT(kRegexWork - ordinary, kRegexWork / 1000) << "a thousand of them fit";
}

TEST(Regex, OnlySoundProgramsAreTaken) {
  const auto good = made("^/v[0-9]+/(users|groups)$");
  ASSERT_TRUE(good);
  EXPECT_TRUE(sound_regex(*good));
  EXPECT_FALSE(sound_regex(ByteView(*good).first(good->size() - 2)));
  EXPECT_FALSE(sound_regex({}));
  for (std::size_t i = 0; i < good->size(); ++i) {
    auto bad = *good;
    bad[i] ^= 0x55;
    if (sound_regex(bad)) (void)regex_match(bad, "/v1/users/and/more");  // the sanitizers watch
  }
  auto astray = *good;
  const std::uint16_t far = 500;
  std::memcpy(astray.data() + astray.size() - 4, &far, sizeof far);
  EXPECT_FALSE(sound_regex(astray));
}

TEST(Regex, MapsOfPathsGoByTheLengthOfTheirPattern) {
  PolicyTable table;
  Proxy proxy{1, "p", EmptyCertAction::kAccept, {}};
  const auto map = [&](std::uint32_t id, Pattern kind, const std::string& url) {
    ApiGateway g;
    g.id = g.pool = id;
    g.url_pattern = kind;
    g.url = url;
    proxy.api_gateways.push_back(g);
  };
  map(1, Pattern::kSubString, "/");
  map(2, Pattern::kRegex, "^/v[0-9]+/");
  map(3, Pattern::kSubString, "/v1/reports");
  map(4, Pattern::kWildcard, "/v?/*");
  table.proxies = {proxy};
  Policy open;
  open.id = 1;
  open.proxies = {1};
  table.policies = {open};
  const auto blob = compile(table);
  ASSERT_TRUE(blob) << blob.error().message;
  const auto view = PolicyView::open(*blob);
  ASSERT_TRUE(view) << view.error().message;
  const auto pool = [&](std::string_view path) {
    RequestContext request;
    request.proxy = 1;
    request.path = path;
    return decide(*view, {}, request).pool;
  };
  EXPECT_EQ(pool("/x"), 1u);
  EXPECT_EQ(pool("/v1/x"), 2u);
  EXPECT_EQ(pool("/v12/x"), 2u);
  EXPECT_EQ(pool("/v1/reports"), 3u);
  EXPECT_EQ(pool("/vx/"), 4u);

  table.proxies[0].api_gateways[1].url = "(";
  const auto refused = compile(table);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, "access proxy 'p', API gateway 2: URL map '(': a ( is not closed");
  table.proxies[0].api_gateways[1].url = "a";
  table.proxies[0].api_gateways[0].host_pattern = Pattern::kRegex;
  EXPECT_FALSE(compile(table));
}

}  // namespace
}  // namespace postern::policy
