// Random feeds and fleets: what is told after any edits is what matching everything anew tells.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "vuln/fleet.h"
#include "vuln/test_inventories.h"
#include "vuln/test_records.h"

namespace postern::vuln {
namespace {

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
  bool kev = false, withdrawn = false, broken = false;

  std::string line(int id) const {
    const auto more = fmt::format(
        R"("database_specific":{{"kev":{}{}{}}}{})", kev, urgency.empty() ? "" : R"(,"urgency":")" + urgency + '"',
        score.empty() ? "" : R"(,"cvss3_base":)" + score, withdrawn ? R"(,"withdrawn":"2026-01-01T00:00:00Z")" : "");
    const auto events =
        broken ? std::string(R"({"introduced":5})") :
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
    for (const auto& [id, record] : records_) {
      const auto line = record.line(id);
      const bool understood = parse_osv_record(line, {}, entries, report).has_value();
      EXPECT_EQ(understood, record.withdrawn || !record.broken);
      if (understood) continue;
      const auto unread = unread_osv_record(line, {});
      entries.insert(entries.end(), unread.begin(), unread.end());
    }
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
          (below(4) == 0 ? record.broken : record.withdrawn) ^= true;
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
      const std::string version = below(30) == 0 ? "!" : any(kVersions);
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
  FleetResult out{result.covered, result.counts, result.unjudged, 0, {}, {}, result.kernel, result.kernel_package};
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
