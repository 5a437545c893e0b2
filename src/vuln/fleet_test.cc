#include "vuln/fleet.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "vuln/test_records.h"

namespace postern::vuln {
namespace {

Package one(std::string source, std::string version) { return {source, "amd64", version, source, version}; }

Package image(const std::string& release, const std::string& version) {
  return {"linux-image-" + release, "amd64", version, "linux-signed-amd64", version + "+sign"};
}

Inventory of_debian12(std::vector<Package> packages) { return {{"debian", "12"}, std::move(packages)}; }

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
  return {true, counts, 0, {}, {}, kernel, std::move(package)};
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

// ---- hostile inventories: bounded work and memory, and the right answer

constexpr std::size_t kManyPackages = kMaxInventoryPackages;

TEST(HostileInventory, ManyPackagesOfOneSourceCostItsVersions) {
  std::string lines;
  for (int i = 0; i < 500; ++i)
    lines += fixed_in(fmt::format("CVE-2024-{:04}", i), "a", fmt::format("{}", 1 + i % 300));
  std::string events;
  for (int i = 0; i < 10'000; ++i)
    events += fmt::format(R"({}{{"introduced":"{}.5"}},{{"fixed":"{}.6"}})", i == 0 ? "" : ",", 5000 + i, 5000 + i);
  lines += record("CVE-2025-0001", affected("a", events));
  Inventory inventory = of_debian12({});
  for (std::size_t i = 0; i < kManyPackages; ++i)
    inventory.packages.push_back(
        {fmt::format("p{:06}", i), "amd64", "1", "a", fmt::format("{}", i % kMaxVersionsOfSource)});
  ASSERT_TRUE(inventory_text(inventory));  // an agent can say so
  const auto set = set_of(lines);
  Matcher matcher(set);
  const auto result = matcher.match(inventory, {});
  EXPECT_EQ(result.counts.unknown, 500u);
  EXPECT_EQ(result.findings.size(), kMaxFindings);
  EXPECT_GT(result.findings_omitted, 10'000'000u);
  EXPECT_LE(matcher.remembered(), kMaxVersionsOfSource * 501);
  Fleet fleet(set);
  ASSERT_TRUE(fleet.add(named("x"), inventory));
  EXPECT_EQ(fleet.source_versions(), kMaxVersionsOfSource);
  EXPECT_EQ(fleet.result(named("x"), {})->counts, result.counts);
}

TEST(HostileInventory, WhatDoesNotFitIntoTheMemoryIsWorkedOutOnceAMatch) {
  // Neighbours in the list are of different sources, and all together have more hits than are remembered.
  constexpr std::size_t kOf = 250, kEach = 40;
  std::string lines;
  for (std::size_t s = 0; s < kOf; ++s) {
    for (std::size_t i = 0; i < kEach; ++i)
      lines += fixed_in(fmt::format("CVE-2024-{}", 10'000 + s * kEach + i), fmt::format("s{}", s), "999");
  }
  Inventory inventory = of_debian12({});
  for (std::size_t i = 0; i < kOf * kMaxVersionsOfSource; ++i)
    inventory.packages.push_back(
        {fmt::format("p{:06}", i), "amd64", "1", fmt::format("s{}", i % kOf), fmt::format("{}", i / kOf)});
  const auto set = set_of(lines);
  Matcher matcher(set);
  EXPECT_EQ(matcher.match(inventory, {}, Want::kCountsOnly).counts.unknown, kOf * kEach);
  EXPECT_LE(matcher.remembered(), 2'000'000 + kEach + 1);
  Fleet fleet(set, {.hits = 100'000});
  ASSERT_TRUE(fleet.add(named("x"), inventory));
  EXPECT_EQ(fleet.result(named("x"), {})->counts.unknown, kOf * kEach);
  EXPECT_LE(fleet.hits(), 100'000u);
}

// ---- random feeds and fleets

constexpr int kSources = 30;
constexpr int kCves = 60;
const std::vector<std::string> kVersions{"1-1", "1-1~deb12u1", "1-1~deb12u2", "1-1+deb12u1",
                                         "1-2", "1:0-1",       "2-1",         "0"};
const std::vector<std::string> kReleases{"", "6.1.0-9-amd64", "6.1.0-40-amd64", "6.18-own"};

const std::vector<std::string> kAskedFor{"CVE-2024-0007", "CVE-2024-0001", "CVE-1999-0001", "CVE-2024-0033"};

struct Said {
  std::string ecosystem;
  int cve = 0;
  int source = 0;
  std::string introduced = "0", fixed, urgency, score;
  bool kev = false, withdrawn = false;

  std::string line(int id) const {
    const auto more = fmt::format(
        R"("database_specific":{{"kev":{}{}{}}}{})", kev, urgency.empty() ? "" : R"(,"urgency":")" + urgency + '"',
        score.empty() ? "" : R"(,"cvss3_base":)" + score, withdrawn ? R"(,"withdrawn":"2026-01-01T00:00:00Z")" : "");
    const auto events =
        fmt::format(R"({{"introduced":"{}"}}{})", introduced, fixed.empty() ? "" : R"(,{"fixed":")" + fixed + R"("})");
    return fmt::format(R"({{"id":"X-{}","aliases":["CVE-2024-{:04}"],{},"affected":[{{"package":{{"ecosystem":"{}",)"
                       R"("name":"{}"}},"ranges":[{{"type":"ECOSYSTEM","events":[{}]}}]}}]}})"
                       "\n",
                       id, cve, more, ecosystem, name_of(source), events);
  }
  static std::string name_of(int source) { return source == 0 ? "linux" : fmt::format("s{}", source); }
};

/// A feed that somebody keeps editing, and a fleet that changes beside it.
class World {
 public:
  explicit World(unsigned seed) : random_(seed) {
    for (int i = 0; i < 80; ++i) records_[next_++] = said();
    for (int i = 0; i < 12; ++i) add_inventory();
  }

  std::shared_ptr<const AdvisorySet> set() const {
    std::vector<AdvisorySet::Entry> entries;
    FeedReport report;
    for (const auto& [id, record] : records_) EXPECT_TRUE(parse_osv_record(record.line(id), {}, entries, report));
    CveNotes notes;
    for (const auto& [cve, epss] : epss_) notes[fmt::format("CVE-2024-{:04}", cve)].epss = epss;
    return std::make_shared<const AdvisorySet>(AdvisorySet::build(std::move(entries), std::move(notes)));
  }

  void edit() {
    if (below(60) == 0) {  // a whole distribution is gone
      const auto gone = below(2) == 0 ? "Debian:12" : "Debian:13";
      std::erase_if(records_, [&](const auto& entry) { return entry.second.ecosystem == gone; });
    }
    if (below(4) == 0) epss_[below(kCves)] = static_cast<std::uint16_t>(below(10'001));
    for (auto edits = 1 + below(6); edits > 0; --edits) {
      if (records_.empty() || below(3) == 0) {
        records_[next_++] = said();
        continue;
      }
      const auto at = std::next(records_.begin(), below(static_cast<int>(records_.size())));
      auto& record = at->second;
      switch (below(7)) {
        case 0:
          records_.erase(at);
          break;
        case 1:
          record.fixed = said().fixed;
          break;
        case 2:
          record.introduced = said().introduced;
          break;
        case 3:
          record.urgency = said().urgency;
          break;
        case 4:
          record.score = said().score;
          break;
        case 5:
          record.kev = !record.kev;
          break;
        default:
          record.withdrawn = !record.withdrawn;
      }
    }
  }

  void change_fleet(Fleet& fleet) {
    if (below(2) == 0 && inventories.size() > 4) {
      const auto at = std::next(inventories.begin(), below(static_cast<int>(inventories.size())));
      fleet.release(at->first);
      inventories.erase(at);
    } else {
      const auto& hash = add_inventory();
      EXPECT_TRUE(fleet.add(hash, inventories.at(hash)));
    }
  }

  int below(int bound) { return static_cast<int>(random_() % static_cast<unsigned>(bound)); }

  std::map<Sha256, Inventory> inventories;

 private:
  template <class List>
  const auto& any(const List& list) {
    return list[static_cast<std::size_t>(below(static_cast<int>(list.size())))];
  }

  Said said() {
    static const std::vector<std::string> kUrgencies{
        "", "", "high", "medium", "low", "unimportant", "not yet assigned"};
    static const std::vector<std::string> kScores{"", "", "9.8", "7.5", "5", "3"};
    Said out;
    static const std::vector<std::string> kEcosystems{"Debian:12", "Debian:12", "Debian:12",
                                                      "Debian:12", "Debian:13", "AlmaLinux:9"};
    out.ecosystem = any(kEcosystems);
    out.cve = below(kCves);
    out.source = below(kSources);
    out.introduced = below(4) == 0 ? any(kVersions) : "0";
    out.fixed = below(4) == 0 ? "" : any(kVersions);
    if (out.fixed == "0") out.fixed = "3-1";
    out.urgency = any(kUrgencies);
    out.score = any(kScores);
    out.kev = below(10) == 0;
    return out;
  }

  const Sha256& add_inventory() {
    static const std::vector<Distro> kDistros{{"debian", "12"}, {"debian", "12"}, {"debian", "12"},
                                              {"debian", "13"}, {"debian", ""},   {"almalinux", "9.4"}};
    Inventory inventory{any(kDistros), {}};
    for (int n = 1 + below(20); n > 0; --n) {
      const auto source = Said::name_of(1 + below(kSources - 1));
      const auto& version = any(kVersions);
      for (int binaries = 1 + below(2); binaries > 0; --binaries)
        inventory.packages.push_back({fmt::format("{}-{}", source, n * 10 + binaries), "amd64", "9", source, version});
      // Some advisories of AlmaLinux are about a package by its own name.
      if (below(4) == 0)
        inventory.packages.push_back({source, fmt::format("arch{}", n), any(kVersions), "s1", version});
    }
    for (int i = 1; i <= 2; ++i) {
      if (below(2) == 0) inventory.packages.push_back(image(kReleases[static_cast<std::size_t>(i)], any(kVersions)));
    }
    std::sort(inventory.packages.begin(), inventory.packages.end());
    return inventories.emplace(sha256(fmt::format("{}", made_++)), std::move(inventory)).first->first;
  }

  std::map<int, Said> records_;
  std::map<int, std::uint16_t> epss_;  // by CVE
  int next_ = 0, made_ = 0;
  std::mt19937 random_;
};

using Told = std::map<std::pair<Sha256, std::string>, FleetResult>;

FleetResult anew(const std::shared_ptr<const AdvisorySet>& set, const Inventory& inventory,
                 const std::string& release) {
  const auto result = Matcher(set).match(inventory, {release});
  FleetResult out{result.covered, result.counts, 0, {}, {}, result.kernel, result.kernel_package};
  std::set<std::string> exploited;
  for (const auto& f : result.findings) {
    if (f.judgement.kev) exploited.insert(f.cve);
    out.max_cvss_tenths = std::max(out.max_cvss_tenths, f.judgement.cvss_tenths);
    out.max_epss = std::max(out.max_epss, f.epss);
  }
  out.exploited = static_cast<std::uint32_t>(exploited.size());
  return out;
}

/// Those of `cves` that stand in the findings.
std::vector<std::string> open_anew(const std::vector<std::string>& cves, const MatchResult& result) {
  std::vector<std::string> out;
  for (const auto& cve : cves) {
    if (std::any_of(result.findings.begin(), result.findings.end(), [&](const Finding& f) { return f.cve == cve; }))
      out.push_back(cve);
  }
  return out;
}

void incremental_is_full(unsigned seed, FleetLimits limits) {
  World world(seed);
  auto set = world.set();
  Fleet fleet(set, limits);
  Matcher matcher(set);
  for (const auto& [hash, inventory] : world.inventories) ASSERT_TRUE(fleet.add(hash, inventory));
  Told before;
  for (int round = 0; round < 40; ++round) {
    SCOPED_TRACE(fmt::format("seed {}, round {}", seed, round));
    world.edit();
    const auto old_set = std::exchange(set, world.set());
    matcher.update(set);
    const auto changes = fleet.update(set);
    std::set<Sha256> others, read_otherwise;
    Told now;
    for (const auto& [hash, inventory] : world.inventories) {
      for (const auto& release : kReleases) {
        const auto full = anew(set, inventory, release);
        const auto told = fleet.result(hash, {release});
        ASSERT_TRUE(told);
        ASSERT_EQ(told->counts, full.counts);
        ASSERT_EQ(told->max_epss, full.max_epss);
        ASSERT_EQ(*told, full);
        const auto found = matcher.match(inventory, {release});
        const auto found_anew = Matcher(set).match(inventory, {release});
        ASSERT_EQ(found.findings, found_anew.findings);
        ASSERT_EQ(found.counts, full.counts);
        ASSERT_EQ(fleet.open_among(kAskedFor, hash, {release}), open_anew(kAskedFor, found));
        now.emplace(std::pair(hash, release), full);
        if (const auto b = before.find({hash, release}); b != before.end() && b->second != full) others.insert(hash);
        if (Matcher(old_set).match(inventory, {release}).findings != found.findings) read_otherwise.insert(hash);
      }
    }
    // Nobody hears of a change that is none, and nobody misses one.
    ASSERT_EQ(std::set(changes.counted.begin(), changes.counted.end()), others);
    const std::set touched(changes.touched.begin(), changes.touched.end());
    ASSERT_TRUE(std::includes(touched.begin(), touched.end(), read_otherwise.begin(), read_otherwise.end()));
    ASSERT_TRUE(std::includes(touched.begin(), touched.end(), others.begin(), others.end()));
    ASSERT_LE(fleet.hits(), limits.hits);
    ASSERT_LE(matcher.remembered(), 20'000u);
    before = std::move(now);
    if (world.below(3) == 0) world.change_fleet(fleet);
    std::erase_if(before, [&](const auto& entry) { return !world.inventories.contains(entry.first.first); });
  }
  for (const auto& [hash, inventory] : world.inventories) fleet.release(hash);
  EXPECT_EQ(fleet.source_versions(), 0u);
  EXPECT_EQ(fleet.bytes(), 0u);
  EXPECT_EQ(fleet.hits(), 0u);
}

TEST(FleetProperty, AfterAnyEditsTheResultIsThatOfMatchingEverythingAnew) {
  for (unsigned seed = 1; seed <= 4; ++seed) {
    incremental_is_full(seed, {});
    if (HasFatalFailure()) return;
  }
}

TEST(FleetProperty, SoItIsWithRoomForFewHits) {
  for (unsigned seed = 11; seed <= 12; ++seed) {
    incremental_is_full(seed, {.hits = 25});
    if (HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace postern::vuln
