#include "vuln/fleet.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "vuln/test_inventories.h"
#include "vuln/test_records.h"

namespace postern::vuln {
namespace {

Sha256 named(std::string_view name) { return sha256(name); }

constexpr const char* kUrgent = R"(,"database_specific":{"urgency":"high"})";
constexpr const char* kExploited = R"(,"database_specific":{"kev":true})";

TEST(Fleet, HoldsAnInventoryOnceAndAnswersForEachEndpointOfIt) {
  Fleet fleet(set_of(fixed_in("CVE-2024-0001", "a", "2", kUrgent) + fixed_in("CVE-2024-0002", "b", "2")));
  EXPECT_FALSE(fleet.retain(named("x")));
  EXPECT_FALSE(fleet.result(named("x"), {}));
  ASSERT_TRUE(fleet.add(named("x"), of_debian12({one("a", "1"), one("b", "1")})));
  ASSERT_TRUE(fleet.add(named("x"), of_debian12({})));  // known already
  EXPECT_TRUE(fleet.retain(named("x")));
  ASSERT_TRUE(fleet.add(named("y"), of_debian12({one("b", "1"), one("c", "1")})));
  EXPECT_EQ(fleet.inventories(), 2u);
  EXPECT_EQ(fleet.source_versions(), 3u);
  const auto x = fleet.result(named("x"), {});
  ASSERT_TRUE(x);
  EXPECT_TRUE(x->covered);
  EXPECT_EQ(x->counts, (Counts{.high = 1, .unknown = 1, .unknown_fixable = 1}));
  EXPECT_EQ(fleet.result(named("y"), {})->counts, (Counts{.unknown = 1, .unknown_fixable = 1}));
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(fleet.result(named("x"), {}));
    fleet.release(named("x"));
  }
  EXPECT_FALSE(fleet.result(named("x"), {}));
  EXPECT_EQ(fleet.source_versions(), 2u);
  fleet.release(named("x"));  // nobody holds it
  fleet.release(named("y"));
  EXPECT_EQ(fleet.inventories(), 0u);
  EXPECT_EQ(fleet.source_versions(), 0u);
  EXPECT_EQ(fleet.bytes(), 0u);
  EXPECT_EQ(fleet.hits(), 0u);
}

FleetResult told_with(const Counts& counts, KernelJudged kernel, std::string package) {
  return {true, counts, {}, 0, {}, {}, kernel, std::move(package)};
}

TEST(Fleet, TheKernelCountsIfItRuns) {
  Fleet fleet(set_of(fixed_in("CVE-2024-0001", "linux", "6.1.50-1", kUrgent) + fixed_in("CVE-2024-0002", "a", "2")));
  const auto inventory = of_debian12({one("a", "1"),
                                      image("6.1.0-40-amd64", "6.1.150-1"),
                                      image("6.1.0-9-amd64", "6.1.27-1"),
                                      {"linux-libc-dev", "amd64", "6.1.27-1", "linux", "6.1.27-1"}});
  ASSERT_TRUE(fleet.add(named("x"), inventory));
  const Counts without{.unknown = 1, .unknown_fixable = 1};
  Counts with = without;
  with.high = 1;
  EXPECT_EQ(fleet.result(named("x"), {"6.1.0-9-amd64"}),
            told_with(with, KernelJudged::kYes, "linux-image-6.1.0-9-amd64"));
  EXPECT_EQ(fleet.result(named("x"), {"6.1.0-40-amd64"}),
            told_with(without, KernelJudged::kYes, "linux-image-6.1.0-40-amd64"));
  EXPECT_EQ(fleet.result(named("x"), {"6.18-own"}), told_with(without, KernelJudged::kNotOfDistribution, ""));
  EXPECT_EQ(fleet.result(named("x"), {}), told_with(without, KernelJudged::kNoneRunning, ""));
  // A change of the kernel's advisories is one of whoever holds a kernel.
  const auto changes = fleet.update(
      set_of(fixed_in("CVE-2024-0001", "linux", "6.1.20-1", kUrgent) + fixed_in("CVE-2024-0002", "a", "2")));
  EXPECT_EQ(changes.counted, std::vector{named("x")});
  EXPECT_EQ(fleet.result(named("x"), {"6.1.0-9-amd64"})->counts, without);
}

TEST(Fleet, AnUpdateTouchesOnlyWhoHoldsAChangedSourceAndTellsWhoseCountsAreOthers) {
  const auto a = fixed_in("CVE-2024-0001", "a", "2");
  const auto b = fixed_in("CVE-2024-0002", "b", "2");
  Fleet fleet(set_of(a + b));
  ASSERT_TRUE(fleet.add(named("a"), of_debian12({one("a", "1")})));
  ASSERT_TRUE(fleet.add(named("b"), of_debian12({one("b", "1")})));
  ASSERT_TRUE(fleet.add(named("never asked"), of_debian12({one("b", "1"), one("a", "1")})));
  fleet.result(named("a"), {});
  fleet.result(named("b"), {});
  auto changes = fleet.update(set_of(b + a));
  EXPECT_TRUE(changes.touched.empty());
  // Another bound, with which b is open as before: what is shown of it reads otherwise, its counts do not.
  changes = fleet.update(set_of(a + fixed_in("CVE-2024-0002", "b", "3")));
  EXPECT_EQ(std::set(changes.touched.begin(), changes.touched.end()), (std::set{named("b"), named("never asked")}));
  EXPECT_TRUE(changes.counted.empty());
  changes = fleet.update(set_of(a + fixed_in("CVE-2024-0002", "b", "3", kExploited)));
  EXPECT_EQ(changes.counted, std::vector{named("b")});
  EXPECT_EQ(fleet.result(named("b"), {})->counts, (Counts{.high = 1}));
  EXPECT_EQ(fleet.result(named("never asked"), {})->counts, (Counts{.high = 1, .unknown = 1, .unknown_fixable = 1}));
}

TEST(Fleet, WhatTheFeedsNoLongerSpeakOfIsNotJudged) {
  const auto a = fixed_in("CVE-2024-0001", "a", "2");
  Fleet fleet(set_of(a));
  ASSERT_TRUE(fleet.add(named("x"), of_debian12({one("a", "1")})));
  ASSERT_TRUE(fleet.add(named("clean"), of_debian12({one("b", "1")})));
  ASSERT_TRUE(fleet.add(named("testing"), {{"debian", ""}, {one("a", "1")}}));
  for (const char* name : {"x", "clean", "testing"}) fleet.result(named(name), {});
  EXPECT_FALSE(fleet.result(named("testing"), {})->covered);
  auto changes = fleet.update(std::make_shared<const AdvisorySet>());
  EXPECT_EQ(changes.counted.size(), 2u);  // "clean" is no longer known to be
  EXPECT_EQ(changes.touched, changes.counted);
  EXPECT_EQ(fleet.result(named("x"), {}), FleetResult{});
  changes = fleet.update(set_of(a));
  EXPECT_EQ(changes.counted.size(), 2u);
  EXPECT_EQ(fleet.result(named("x"), {})->counts.unknown, 1u);
}

TEST(Fleet, WhatIsAcceptedIsNotCountedUntilItIsAskedAgain) {
  Fleet fleet(set_of(fixed_in("CVE-2024-0001", "a", "2") + fixed_in("CVE-2024-0001", "b", "2")));
  ASSERT_TRUE(fleet.add(named("a"), of_debian12({one("a", "1")})));
  ASSERT_TRUE(fleet.add(named("ab"), of_debian12({one("a", "1"), one("b", "1")})));
  fleet.result(named("a"), {});
  fleet.result(named("ab"), {});
  const auto changes = fleet.accept([](std::string_view cve, std::string_view source, std::string_view version) {
    return cve == "CVE-2024-0001" && source == "a" && version == "1";
  });
  EXPECT_EQ(changes.counted, std::vector{named("a")});  // in b it is still open
  EXPECT_EQ(fleet.result(named("a"), {})->counts, Counts{});
  EXPECT_EQ(fleet.result(named("ab"), {})->counts.unknown, 1u);
  EXPECT_EQ(fleet.accept({}).counted, std::vector{named("a")});
  EXPECT_EQ(fleet.result(named("a"), {})->counts.unknown, 1u);
}

TEST(Fleet, TellsTheHighestScoreAndProbabilityAndWhatIsExploited) {
  const auto set = [](std::optional<std::uint16_t> epss, bool kev) {
    std::vector<AdvisorySet::Entry> entries;
    for (const auto& [cve, tenths] : {std::pair("CVE-2024-0001", 0), std::pair("CVE-2024-0002", 75)}) {
      auto& e = entries.emplace_back();
      e.ecosystem = "Debian:12";
      e.source = "a";
      e.advisory.cve = cve;
      e.advisory.affected =
          std::make_shared<const AffectedVersions>(AffectedVersions{{{"", tenths == 0 ? "3" : "2", ""}}, {}});
      e.advisory.judgement.cvss_tenths = static_cast<std::uint8_t>(tenths);
      e.advisory.judgement.kev = kev;
    }
    CveNotes notes;
    notes["CVE-2024-0002"].epss = epss;
    return std::make_shared<const AdvisorySet>(AdvisorySet::build(std::move(entries), std::move(notes)));
  };
  Fleet fleet(set(10, false));
  ASSERT_TRUE(fleet.add(named("1"), of_debian12({one("a", "1")})));
  ASSERT_TRUE(fleet.add(named("2"), of_debian12({one("a", "2")})));
  auto first = fleet.result(named("1"), {});
  EXPECT_EQ(first->max_cvss_tenths, 75);
  EXPECT_EQ(first->max_epss, 10);
  EXPECT_EQ(first->exploited, 0u);
  const auto second = fleet.result(named("2"), {});
  EXPECT_EQ(second->max_cvss_tenths, 0);
  EXPECT_EQ(second->max_epss, std::nullopt);
  EXPECT_EQ(fleet.open_among({"CVE-2024-0002", "CVE-2024-0001", "CVE-1"}, named("1"), {}),
            (std::vector<std::string>{"CVE-2024-0002", "CVE-2024-0001"}));
  EXPECT_EQ(fleet.open_among({"CVE-2024-0002"}, named("2"), {}), std::vector<std::string>());
  EXPECT_EQ(fleet.open_among({"CVE-2024-0002"}, named("3"), {}), std::nullopt);
  // Another day's probability.
  const auto changes = fleet.update(set(2'000, false));
  EXPECT_EQ(changes.counted, std::vector{named("1")});
  EXPECT_EQ(fleet.result(named("1"), {})->max_epss, 2'000);
  fleet.update(set(std::nullopt, true));
  first = fleet.result(named("1"), {});
  EXPECT_EQ(first->max_epss, std::nullopt);
  EXPECT_EQ(first->exploited, 2u);
}

TEST(Fleet, RefusesWhatIsOverItsLimitAndStaysAsItWas) {
  Fleet fleet(set_of(fixed_in("CVE-2024-0001", "a", "2")), {.bytes = 20'000});
  ASSERT_TRUE(fleet.add(named("x"), of_debian12({one("a", "1")})));
  const auto bytes = fleet.bytes();
  std::vector<Package> packages;
  for (int i = 0; i < 100; ++i) packages.push_back(one(fmt::format("s{}", i), "1"));
  const auto refused = fleet.add(named("y"), of_debian12(packages));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kResourceExhausted);
  EXPECT_EQ(fleet.bytes(), bytes);
  EXPECT_EQ(fleet.inventories(), 1u);
  EXPECT_EQ(fleet.result(named("x"), {})->counts.unknown, 1u);
  EXPECT_FALSE(fleet.retain(named("y")));
}

TEST(Fleet, StaysRightWhenFeedsHaveMovedOnOftenEnoughToNumberAnew) {
  const auto b = fixed_in("CVE-2024-0001", "b", "2", kUrgent);
  Fleet fleet(set_of(b));
  Matcher matcher(set_of(b));
  const auto inventory = of_debian12({one("a", "1"), one("b", "1")});
  ASSERT_TRUE(fleet.add(named("x"), inventory));
  for (int round = 0; round < 12; ++round) {
    std::string lines = b;
    for (int i = 0; i < 1000; ++i) lines += fixed_in(fmt::format("CVE-2025-{}", 10'000 + 1000 * round + i), "a", "2");
    const auto set = set_of(lines);
    fleet.update(set);
    matcher.update(set);
    const Counts all{.high = 1, .unknown = 1000, .unknown_fixable = 1000};
    EXPECT_EQ(fleet.result(named("x"), {})->counts, all) << round;
    EXPECT_EQ(matcher.match(inventory, {}).counts, all) << round;
  }
}

}  // namespace
}  // namespace postern::vuln
