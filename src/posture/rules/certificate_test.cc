#include <gtest/gtest.h>

#include "posture/rules/name_pattern.h"
#include "posture/rules/rule_lab.h"

namespace postern::posture {
namespace {

using namespace testing;
using enum Verdict;
using List = std::vector<std::string>;

Certificate corporate() {
  Certificate c;
  c.subject = "laptop-7.corp.example";
  c.issuer = "Corp Issuing CA";
  c.not_before = kNow.wall - 10 * kDay;
  c.not_after = kNow.wall + 30 * kDay;
  c.client_auth = true;
  c.has_private_key = true;
  return c;
}
FactMap personal(std::vector<Certificate> list) {
  return facts_of({{"certificates:personal", known(std::move(list))}});
}

TEST(Certificate, AllHoldsOfOne) {
  const auto rule = make("certificate", {{"subject", "*.corp.example"},
                                         {"issuer", "Corp Issuing CA"},
                                         {"store", "personal"},
                                         {"ca", false},
                                         {"client_auth", true},
                                         {"private_key", true}});
  expect(*rule, personal({corporate()}), kMatch, "certificate_found");
  const auto without = [&](auto change, std::string_view reason = "certificate_missing") {
    Certificate c = corporate();
    change(c);
    expect(*rule, personal({c}), kNoMatch, reason);
    expect(*rule, personal({c, corporate()}), kMatch, "certificate_found");
    return c;
  };
  const Certificate other_subject = without([](Certificate& c) { c.subject = "corp.example"; });
  const Certificate other_issuer = without([](Certificate& c) { c.issuer = "corp issuing ca"; });
  without([](Certificate& c) { c.ca = true; });
  without([](Certificate& c) { c.client_auth = false; });
  const Certificate no_key = without([](Certificate& c) { c.has_private_key = false; },
                                     "certificate_without_key");
  expect(*rule, personal({other_subject, other_issuer, no_key}), kNoMatch, "certificate_without_key");  // no two make one
  expect(*rule, personal({}), kNoMatch, "certificate_missing");
  expect_unknowns(*rule, {}, "certificates:personal", texts({"x"}));
  EXPECT_EQ(
      rule->describe(),
      "its personal certificates hold one whose subject is *.corp.example, issued by Corp Issuing CA, that is no CA's, "
      "that may prove a client, whose private key the endpoint holds and valid now");
}

TEST(Certificate, ValidNowAndLongEnough) {
  const auto rule =
      make("certificate", {{"issuer", "Corp Issuing CA"}, {"store", "personal"}, {"valid_days", std::int64_t{30}}});
  const FactMap facts = personal({corporate()});
  expect(*rule, facts, kMatch, "certificate_found");
  expect_until(*rule, facts, kNow.wall + Millis(1));
  expect(*rule, facts, kNoMatch, "certificate_not_valid", {kNow.wall + Millis(1), {}});
  const auto now_only = make("certificate", {{"issuer", "Corp Issuing CA"}, {"store", "personal"}});
  expect(*now_only, facts, kMatch, "certificate_found", {kNow.wall + 30 * kDay, {}});
  expect(*now_only, facts, kNoMatch, "certificate_not_valid", {kNow.wall + 30 * kDay + Millis(1), {}});
  const Now early{kNow.wall - 10 * kDay - Millis(1), {}};
  expect(*now_only, facts, kNoMatch, "certificate_not_valid", early);
  expect_until(*now_only, facts, kNow.wall - 10 * kDay, early);
  Certificate longer = corporate();
  longer.not_after = kNow.wall + 40 * kDay;
  expect_until(*now_only, personal({longer, corporate()}), kNow.wall + 40 * kDay + Millis(1));
  Certificate endless = corporate();
  endless.not_after = WallTime::max();
  expect_until(*now_only, personal({endless}), WallTime::max());
}

TEST(Certificate, SubjectsExactWildcardOrRegex) {
  const auto matches = [](Parameters parameters, const char* subject) {
    parameters["store"] = "personal";
    Certificate c = corporate();
    c.subject = subject;
    return make("certificate", parameters)->judge(FactView(personal({c}), kNow)).verdict == kMatch;
  };
  EXPECT_TRUE(matches({{"subject", "laptop-?.corp.*"}}, "laptop-7.corp.example"));
  EXPECT_FALSE(matches({{"subject", "laptop-?.corp.*"}}, "laptop-77.corp.example"));
  EXPECT_FALSE(matches({{"subject", "LAPTOP*"}}, "laptop-7"));
  EXPECT_TRUE(matches({{"subject", "LAPTOP*"}, {"case_insensitive", true}}, "laptop-7"));
  EXPECT_TRUE(matches({{"subject", "a*"}, {"subject_match", "exact"}}, "a*"));
  EXPECT_FALSE(matches({{"subject", "a*"}, {"subject_match", "exact"}}, "ab"));
  EXPECT_TRUE(matches({{"subject", "laptop-[0-9]+"}, {"subject_match", "regex"}}, "laptop-77"));
  EXPECT_FALSE(matches({{"subject", "laptop-[0-9]+"}, {"subject_match", "regex"}}, "laptop-77x"));
  EXPECT_TRUE(
      matches({{"subject", "LAPTOP-[0-9]+"}, {"subject_match", "regex"}, {"case_insensitive", true}}, "laptop-77"));
}

TEST(Certificate, EachDemandAloneBothWays) {
  // A demand, what a certificate is that meets it, and how it fails to.
  struct Row {
    const char* name;
    ParameterValue value;
    void (*meet)(Certificate&);
    void (*fail)(Certificate&);
  };
  const Row rows[] = {
      {"ca", true, [](Certificate& c) { c.ca = true; }, [](Certificate& c) { c.ca = false; }},
      {"ca", false, [](Certificate& c) { c.ca = false; }, [](Certificate& c) { c.ca = true; }},
      {"client_auth", true, [](Certificate& c) { c.client_auth = true; }, [](Certificate& c) { c.client_auth = false; }},
      {"client_auth", false, [](Certificate& c) { c.client_auth = false; }, [](Certificate& c) { c.client_auth = true; }},
      {"private_key", true, [](Certificate& c) { c.has_private_key = true; }, [](Certificate& c) { c.has_private_key = false; }},
      {"private_key", false, [](Certificate& c) { c.has_private_key = false; }, [](Certificate& c) { c.issuer = "Other"; }},
      {"valid_days", std::int64_t{30}, [](Certificate&) {}, [](Certificate& c) { c.not_after -= Millis(1); }},
      {"subject_match", "wildcard", [](Certificate& c) { c.subject = "a.*.b"; }, [](Certificate& c) { c.subject = "aX*Xb"; }},
      {"subject_match", "exact", [](Certificate& c) { c.subject = "a.*.b"; }, [](Certificate& c) { c.subject = "a.x.b"; }},
      {"subject_match", "regex", [](Certificate& c) { c.subject = "aXYb"; }, [](Certificate& c) { c.subject = "aXYbZ"; }},
      {"case_insensitive", true, [](Certificate& c) { c.subject = "A.x.B"; }, [](Certificate& c) { c.subject = "A.x.C"; }},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(std::string(row.name) + ::testing::PrintToString(row.value));
    for (const char* store : {"system", "personal"}) {
      const auto rule =
          make("certificate", {{"subject", "a.*.b"}, {"issuer", "Corp Issuing CA"}, {"store", store}, {row.name, row.value}});
      const std::string key = std::string("certificates:") + store;
      Certificate good = corporate();
      good.subject = "a.x.b";
      row.meet(good);
      Certificate bad = good;
      row.fail(bad);
      expect_verdict(*rule, facts_of({{key, known(std::vector{good})}}), kMatch);
      expect_verdict(*rule, facts_of({{key, known(std::vector{bad})}}), kNoMatch);
      expect_unknowns(*rule, {}, key, texts({"x"}));
    }
  }
}

TEST(Certificate, StoresBySystemAndRefusals) {
  EXPECT_EQ(make("certificate", {{"issuer", "x"}})->keys(), (List{"certificates:system"}));
  EXPECT_EQ(make("certificate", {{"issuer", "x"}}, OsFamily::kWindows)->keys(), (List{"certificates:personal"}));
  EXPECT_EQ(refusal("certificate", {}),
            "subject: is missing; give the common name of a subject, of an issuer, or both");
  EXPECT_EQ(refusal("certificate", {{"issuer", "x"}, {"case_insensitive", true}}),
            "case_insensitive: belongs to subject; give one");
  EXPECT_EQ(refusal("certificate", {{"subject", std::string(255, '*')}}),
            "subject: \"" + std::string(80, '*') + "…\" has 255 wildcards, allowed are 16");
  EXPECT_NE(refusal("certificate", {{"subject", "((((a{30}){30}){30}){30}){30}"}, {"subject_match", "regex"}}), "");
}

TEST(Certificate, WhatTakesTooLongToCompareIsUnknown) {
  const auto rule = make("certificate", {{"subject", "a[ab]{1000}c"}, {"subject_match", "regex"}});
  const auto many = [](std::size_t bytes) {
    std::vector<Certificate> list(100, corporate());
    for (auto& one : list) one.subject = std::string(bytes, 'a');
    return facts_of({{"certificates:system", known(std::move(list))}});
  };
  expect(*rule, many(100), kNoMatch, "certificate_missing");
  expect(*rule, many(20'000), kUnknown, "certificates_too_long");
}

TEST(NamePattern, WildcardsTakeTimeInProportionToBothLengths) {
  // Sixteen stars over as many bytes as a fact may hold: what backtracking would take for ever over.
  std::string pattern;
  for (std::size_t i = 0; i < rules::NamePattern::kMaxWildcards; ++i) pattern += "*a";
  const auto compiled = rules::NamePattern::compile("x", pattern + "b", rules::NamePattern::Kind::kWildcard, true);
  ASSERT_TRUE(compiled);
  EXPECT_FALSE(compiled->matches(std::string(20000, 'a')));
  EXPECT_TRUE(compiled->matches(std::string(20000, 'A') + "B"));
}

}  // namespace
}  // namespace postern::posture
