// Regular expressions of URL maps mean what others mean by them: RE2 is asked beside ours.
#include <gtest/gtest.h>
#include <re2/re2.h>

#include <random>

#include "policy/regex.h"

namespace postern::gateway::config {
namespace {

class RandomRegex {
 public:
  explicit RandomRegex(unsigned seed) : random_(seed) {}

  std::string pattern() { return (upto(6) == 0 ? "(?i)" : "") + alternatives(3); }
  std::string path() {
    std::string out = "/";
    for (int i = upto(12); i > 0; --i) out += "aAb01/-_.{"[upto(9)];
    return out;
  }

 private:
  int upto(int most) { return std::uniform_int_distribution<int>(0, most)(random_); }
  std::string alternatives(int depth) {
    auto out = sequence(depth);
    while (upto(3) == 0) out += "|" + sequence(depth);
    return out;
  }
  std::string sequence(int depth) {
    std::string out;
    for (int i = upto(4); i > 0; --i) {
      const auto part = item(depth);
      out += part;
      if (part == "^" || part == "$") continue;
      constexpr const char* kTimes[] = {"*", "+", "?", "{2}", "{1,3}", "{2,}", "{0}", "*?", "+?", "??", "{0,2}?"};
      if (upto(2) == 0) out += kTimes[upto(10)];
    }
    return out;
  }
  std::string item(int depth) {
    constexpr const char* kPlain[] = {"a", "b", "/", "A", "0", ".", "^", "$", "\\.", "\\d", "\\w", "\\s", "\\D", "\\W", "\\S",
                                      "[ab]", "[^a/]", "[a-z0-9]", "[\\d_-]", "[^\\w]", "[]a]", "\\x61", "-", "\\{"};
    const int which = upto(28);
    if (which < 24) return kPlain[which];
    if (depth == 0) return "b";
    return (which % 2 == 0 ? "(" : "(?:") + alternatives(depth - 1) + ")";
  }

  std::mt19937 random_;
};

TEST(UrlMapRegex, MeansWhatRe2MeansByIt) {
  RandomRegex random(20261127);
  RE2::Options options;
  options.set_log_errors(false);
  options.set_encoding(RE2::Options::EncodingLatin1);
  int compared = 0, matched = 0, large = 0;
  for (int i = 0; i < 4000; ++i) {
    const auto pattern = random.pattern();
    const RE2 other(pattern, options);
    ASSERT_TRUE(other.ok()) << pattern << ": " << other.error();
    std::size_t work = policy::kRegexWork;
    const auto ours = policy::compile_regex(pattern, work);
    if (!ours) {
      ASSERT_NE(ours.error().message.find("states"), std::string::npos) << pattern << ": " << ours.error().message;
      ++large;
      continue;
    }
    ASSERT_TRUE(policy::sound_regex(*ours)) << pattern;
    for (int k = 0; k < 12; ++k) {
      const auto path = random.path();
      const bool expected = RE2::PartialMatch(path, other);
      ASSERT_EQ(policy::regex_match(*ours, path), expected) << pattern << "  " << path;
      ++compared;
      matched += expected ? 1 : 0;
    }
  }
  EXPECT_LT(large, 40);
  EXPECT_GT(matched, compared / 10);
  EXPECT_GT(compared - matched, compared / 10);
}

}  // namespace
}  // namespace postern::gateway::config
