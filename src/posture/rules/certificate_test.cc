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

TEST(Certificate, AnIssuersNameIsNotTrust) {
  const auto rule =
      make("certificate", {{"issuer", "Corp Issuing CA"}, {"store", "personal"}, {"private_key", true}, {"trusted", true}});
  const auto with = [](ChainTrust trust) {
    Certificate c = corporate();
    c.trust = trust;
    return c;
  };
  const Certificate trusted = with(ChainTrust::kTrusted), self_signed = with(ChainTrust::kUntrusted),
                    untold = with(ChainTrust::kUnknown);
  expect(*rule, personal({trusted}), kMatch, "certificate_found");
  expect(*rule, personal({self_signed}), kNoMatch, "certificate_not_trusted");
  expect(*rule, personal({untold}), kUnknown, "certificate_untold");  // by an older agent
  expect(*rule, personal({untold, self_signed}), kUnknown, "certificate_untold");
  expect(*rule, personal({untold, trusted}), kMatch, "certificate_found");
  Certificate other = untold;
  other.has_private_key = false;
  expect(*rule, personal({other}), kNoMatch, "certificate_without_key");
  const auto by_name = make("certificate", {{"issuer", "Corp Issuing CA"}, {"store", "personal"}, {"trusted", false}});
  expect(*by_name, personal({self_signed}), kMatch, "certificate_found");
  EXPECT_EQ(rule->describe(), "its personal certificates hold one issued by Corp Issuing CA, whose private key the endpoint "
                              "holds, for which an authority vouches that it trusts and valid now");
}

TEST(Certificate, TrustOfOneThatIsNotValidIsNobodysConcern) {
  const auto rule = make("certificate", {{"issuer", "Corp Issuing CA"}, {"store", "personal"}, {"trusted", true}});
  const auto at = [&](ChainTrust trust, WallTime wall, Verdict verdict, std::string_view reason) {
    Certificate c = corporate();
    c.trust = trust;
    expect(*rule, personal({c}), verdict, reason, {wall, {}});
  };
  const WallTime begin = corporate().not_before, end = corporate().not_after;
  for (const auto trust : {ChainTrust::kUnknown, ChainTrust::kUntrusted, ChainTrust::kTrusted}) {
    at(trust, begin - Millis(1), kNoMatch, "certificate_not_valid");
    at(trust, end + Millis(1), kNoMatch, "certificate_not_valid");
  }
  at(ChainTrust::kUnknown, end, kUnknown, "certificate_untold");
  at(ChainTrust::kUntrusted, begin, kNoMatch, "certificate_not_trusted");
  Certificate self_signed = corporate();
  self_signed.trust = ChainTrust::kUntrusted;
  expect_until(*rule, personal({self_signed}), end + Millis(1));
  const FactMap untold = personal({corporate()});
  expect_until(*rule, untold, end + Millis(1));
  expect_until(*rule, untold, begin, {begin - Millis(1), {}});
}

TEST(Certificate, NamesTheUsagesThatAreDemanded) {
  const auto rule = make("certificate", {{"issuer", "Corp Issuing CA"},
                                         {"store", "personal"},
                                         {"usages", List{"client-auth", "smart-card-logon", "1.3.6.1.4.1.55555.1"}}});
  const auto naming = [](std::optional<List> usages) {
    Certificate c = corporate();
    c.usages = std::move(usages);
    return personal({c});
  };
  const List all{"1.3.6.1.4.1.311.20.2.2", "1.3.6.1.4.1.55555.1", "1.3.6.1.5.5.7.3.2", "1.3.6.1.5.5.7.3.4"};
  expect(*rule, naming(all), kMatch, "certificate_found");
  expect(*rule, naming(List{"1.3.6.1.4.1.311.20.2.2", "1.3.6.1.5.5.7.3.2"}), kNoMatch, "certificate_missing");
  expect(*rule, naming(List{}), kNoMatch, "certificate_missing");
  expect(*rule, naming(std::nullopt), kUnknown, "certificate_untold");
  EXPECT_EQ(rule->describe(), "its personal certificates hold one issued by Corp Issuing CA, that names the usages client-auth, "
                              "smart-card-logon and 1.3.6.1.4.1.55555.1 and valid now");
  for (const char* wrong : {"client_auth", "1", "1..2", "1.2.", ".1.2", "1.2x"}) {
    EXPECT_EQ(refusal("certificate", {{"issuer", "x"}, {"usages", List{wrong}}}),
              "usages: \"" + std::string(wrong) +
                  "\" is neither an OID such as 1.3.6.1.5.5.7.3.2 nor one of client-auth, server-auth, code-signing, "
                  "email-protection, ipsec-ike, smart-card-logon");
  }
  EXPECT_NE(refusal("certificate", {{"issuer", "x"}, {"usages", List(17, "client-auth")}}), "");
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
