// os-supported, and os-version's demand of a recent update.
#include <gtest/gtest.h>

#include "posture/os_support.h"
#include "posture/rules/rule_lab.h"

namespace postern::posture {
namespace {

using namespace testing;
using enum Verdict;
using List = std::vector<std::string>;

Now at(int y, unsigned m, unsigned d) {
  using namespace std::chrono;
  return {WallTime(sys_days(year(y) / month(m) / day(d))), {}};
}
FactMap release(const char* id, const char* version) {
  return facts_of({{keys::kOsId, text(id)}, {keys::kOsVersionId, text(version)}});
}

TEST(OsSupported, TheLastDayOfSupportStillCounts) {
  const auto rule = make("os-supported", {});
  const FactMap bookworm = release("debian", "12");
  expect(*rule, bookworm, kMatch, "os_supported", at(2026, 7, 11));
  expect(*rule, bookworm, kNoMatch, "os_support_ended", at(2026, 7, 12));
  expect_until(*rule, bookworm, at(2026, 7, 12).wall, at(2026, 7, 1));
  const auto long_term = make("os-supported", {{"long_term", true}});
  expect(*long_term, bookworm, kMatch, "os_supported", at(2028, 6, 30));
  expect(*long_term, bookworm, kNoMatch, "os_support_ended", at(2028, 7, 1));
  const auto margin = make("os-supported", {{"margin_days", std::int64_t{30}}});
  expect(*margin, bookworm, kMatch, "os_supported", at(2026, 6, 11));
  expect(*margin, bookworm, kNoMatch, "os_support_ended", at(2026, 6, 12));
  EXPECT_EQ(margin->describe(), "the operating system's release has security support, for 30 days more at least");
}

TEST(OsSupported, WhatTheSystemSaysGoesFirst) {
  const auto rule = make("os-supported", {});
  FactMap facts = release("debian", "11");
  expect(*rule, facts, kNoMatch, "os_support_ended");
  facts[std::string(keys::kSupportEnd)] = ago(-kDay);
  expect(*rule, facts, kMatch, "os_supported");
  facts[std::string(keys::kSupportEnd)] = ago(Millis(0));
  expect(*rule, facts, kNoMatch, "os_support_ended");
  facts[std::string(keys::kSupportEnd)] = unknown(UnknownReason::kUnsupported);
  expect(*rule, facts, kNoMatch, "os_support_ended");
}

TEST(OsSupported, AnUnknownReleaseIsUnknown) {
  const auto rule = make("os-supported", {});
  expect(*rule, release("debian", "99"), kUnknown, "release_not_known");
  expect(*rule, release("debian", "1"), kUnknown, "release_not_known");
  expect(*rule, release("arch", "1"), kUnknown, "release_not_known");
  const auto long_term = make("os-supported", {{"long_term", true}});
  const auto margin = make("os-supported", {{"margin_days", std::int64_t{30}}});
  for (const auto* each : {rule.get(), long_term.get(), margin.get()}) {
    expect_unknowns(*each, release("debian", "13"), keys::kOsVersionId, known(true));
    expect_unknowns(*each, release("debian", "13"), keys::kOsId, known(true));
  }
}

TEST(OsSupported, EachSystemHasItsReleases) {
  const auto linux = make("os-supported", {});
  for (const auto& [id, version] : std::vector<std::pair<const char*, const char*>>{{"ubuntu", "24.04"},
                                                                                    {"alpine", "3.22.1"},
                                                                                    {"rocky", "9.4"},
                                                                                    {"almalinux", "9.4"},
                                                                                    {"rhel", "8.10"},
                                                                                    {"fedora", "43"},
                                                                                    {"opensuse-leap", "16.0"}}) {
    SCOPED_TRACE(id);
    expect(*linux, release(id, version), kMatch, "os_supported", at(2026, 11, 26));
    expect(*linux, release(id, version), kNoMatch, "os_support_ended", at(2040, 1, 1));
  }
  const auto windows = make("os-supported", {}, OsFamily::kWindows);
  const auto named = [](const char* name, const char* build) {
    return facts_of({{keys::kOsName, text(name)}, {keys::kOsVersionId, text(build)}});
  };
  expect(*windows, named("Windows 11", "10.0.26100"), kNoMatch, "os_support_ended", at(2026, 11, 26));
  expect(*windows, named("Windows 11", "10.0.26200.1"), kMatch, "os_supported", at(2026, 11, 26));
  expect(*windows, named("Windows Server 2025", "10.0.26100"), kMatch, "os_supported", at(2026, 11, 26));
  const auto macos = make("os-supported", {}, OsFamily::kMacos);
  expect(*macos, release("macos", "15.7.4"), kMatch, "os_supported", at(2026, 11, 26));
  expect(*macos, release("macos", "13.7"), kNoMatch, "os_support_ended", at(2026, 11, 26));
}

TEST(OsSupport, TheLongestEntryCounts) {
  ASSERT_TRUE(os_support("macos", "10.15.7"));
  EXPECT_EQ(os_support("macos", "10.15.7")->ends, at(2022, 9, 13).wall);
  EXPECT_FALSE(os_support("macos", "10.1"));
  EXPECT_FALSE(os_support("ubuntu", "22"));
  EXPECT_FALSE(os_support("", ""));
}

TEST(OsVersion, UpdatedLately) {
  const auto rule =
      make("os-version", {{"versions", List{"Debian 12"}}, {"latest_update_within_days", std::int64_t{14}}});
  FactMap facts = facts_of({{keys::kOsId, text("debian")},
                            {keys::kOsName, text("Debian GNU/Linux")},
                            {keys::kOsVersionId, text("12")},
                            {keys::kUpdatedAt, ago(14 * kDay)}});
  expect(*rule, facts, kMatch, "os_version_matches");
  expect_until(*rule, facts, kNow.wall + Millis(1));
  expect_unknowns(*rule, facts, keys::kUpdatedAt, text("today"));
  expect_parts_agree(*rule, facts);
  facts[std::string(keys::kUpdatedAt)] = ago(14 * kDay + Millis(1));
  expect(*rule, facts, kNoMatch, "os_updated_too_long_ago");
  facts[std::string(keys::kUpdatedAt)] = ago(Millis(0));
  facts[std::string(keys::kOsVersionId)] = text("11");
  expect(*rule, facts, kNoMatch, "os_version_differs");
  EXPECT_EQ(rule->describe(), "the operating system is Debian 12 and updates were installed within the last 14 days");
  const auto alone = make("os-version", {{"latest_update_within_days", std::int64_t{1}}});
  expect(*alone, facts, kMatch, "os_updated_recently");
}

TEST(OsVersion, PartsSayWhatTheWholeSays) {
  const std::vector<std::unique_ptr<const Condition>> rules = [] {
    std::vector<std::unique_ptr<const Condition>> out;
    out.push_back(make("os-version", {{"versions", List{"Debian 12", "Ubuntu"}}}));
    out.push_back(make("os-version", {{"versions", List{"Debian", "Debian 12"}}, {"match", "all"}}));
    out.push_back(make("os-version", {{"family", "debian"}, {"op", "<"}, {"version", "12.5"}}));
    out.push_back(make("os-version", {{"versions", List{"Windows 11"}}}, OsFamily::kWindows));
    return out;
  }();
  const Fact values[] = {text("debian"), text("Ubuntu"), text("Windows"), text("Windows 11"),
                         unknown(UnknownReason::kStale)};
  const Fact versions[] = {text("12"), text("12.6"), text("11"), text("sid"), unknown(UnknownReason::kDenied)};
  for (const auto& rule : rules) {
    for (const Fact& id : values) {
      for (const Fact& name : values) {
        for (const Fact& version : versions)
          expect_parts_agree(*rule,
                             facts_of({{keys::kOsId, id}, {keys::kOsName, name}, {keys::kOsVersionId, version}}));
      }
    }
  }
}

}  // namespace
}  // namespace postern::posture
