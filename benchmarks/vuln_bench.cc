// A fleet matched again after its advisories changed. The inventories are this machine's packages, varied: others
// beside them, each in one of the versions that its source had while the release was maintained. The advisories are a
// feed's records and made-up ones, until there are as many as a distribution's tracker has. Each round changes what is
// said of some sources, and measures:
//   ours:  Fleet::update, and then the answer for every host
//   peer:  each distinct inventory with its kernel matched anew, with no memory between them
// Every host's answer must be the same in both, and the hosts said to have changed must be those that did; else the
// program ends with an error.
//
// Usage: vuln_bench --status FILE --feed FILE --inventories N --hosts N --rows N --touched N --rounds N
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "arguments.h"
#include "base/file.h"
#include "base/sort_unique.h"
#include "timing.h"
#include "vuln/dpkg_status.h"
#include "vuln/fleet.h"
#include "vuln/matcher.h"
#include "vuln/osv.h"

namespace {

using namespace postern;
using namespace postern::bench;
using namespace postern::vuln;

constexpr int kFewestPackages = 800, kMostPackages = 2000;
constexpr int kMadeUpSources = 3000;      // beside those installed and those of the feed
constexpr std::size_t kMostVersions = 6;  // of a source, in the whole fleet
constexpr std::string_view kEcosystem = "Debian:12";

template <class T>
T must(Result<T> result) {
  if (result) return std::move(*result);
  std::fprintf(stderr, "vuln_bench: %s\n", result.error().message.c_str());
  std::exit(1);
}

[[noreturn]] void differ(const char* what) {
  std::fprintf(stderr, "vuln_bench: %s\n", what);
  std::exit(1);
}

class Chance {
 public:
  std::size_t below(std::size_t bound) { return random_() % bound; }
  bool one_in(std::size_t n) { return below(n) == 0; }
  /// Few are met often, most rarely.
  std::size_t skewed(std::size_t bound) {
    const double x = std::pow(static_cast<double>(random_()) / static_cast<double>(random_.max()), 3.0);
    return std::min(static_cast<std::size_t>(x * static_cast<double>(bound)), bound - 1);
  }
  template <class List>
  const auto& of(const List& list) {
    return list[below(list.size())];
  }

 private:
  std::mt19937 random_{22};
};

struct Row {
  std::string cve, fixed, urgency;
};

/// What is said, by source: somebody edits it, and reads it as a feed again.
class Advisories {
 public:
  Advisories(const std::string& feed, const std::vector<Package>& installed, std::size_t rows, Chance& chance) {
    FeedReader reader;
    must(reader.add(feed, must(read_file(feed, 1u << 30))));
    const auto set = std::move(reader).finish();
    std::vector<std::string> known;
    for (const auto& p : installed) known.push_back(p.source);
    for (const auto& name : AdvisorySet::changed_sources({}, set)) {
      if (name.ecosystem == kEcosystem) known.push_back(name.source);
    }
    sort_unique(known);
    for (const auto& source : known) {
      for (const auto& a : set.of(kEcosystem, source)) {
        if (a.affected->intervals.empty()) continue;
        by_source[source].push_back({a.cve, a.affected->intervals.front().fixed, ""});
        ++size_;
      }
    }
    for (int i = 0; i < kMadeUpSources; ++i) known.push_back(fmt::format("made-up-{}", i));
    while (size_ < rows) {
      const auto& source = known[chance.skewed(known.size())];
      add(source, chance);
    }
  }

  /// A vulnerability in `source`, mended in one of the versions that bounds of it name already, or in another.
  void add(const std::string& source, Chance& chance) {
    auto& rows = by_source[source];
    const auto version = rows.empty() || chance.one_in(4)
                             ? fmt::format("{}.{}-{}", chance.below(9), chance.below(30), chance.below(5))
                             : chance.of(rows).fixed;
    static const std::vector<std::string> kUrgencies{"", "", "", "low", "medium", "high", "unimportant"};
    rows.push_back({fmt::format("CVE-2026-{}", 200'000 + next_++), version, chance.of(kUrgencies)});
    ++size_;
  }

  /// Changes what is said of this many sources: a new vulnerability, another bound, one less.
  void edit(std::size_t sources, Chance& chance) {
    std::set<std::string> done;
    while (done.size() < sources) {
      auto at = by_source.begin();
      std::advance(at, static_cast<std::ptrdiff_t>(chance.below(by_source.size())));
      if (at->second.empty() || !done.insert(at->first).second) continue;
      auto& rows = at->second;
      const auto which = chance.below(rows.size());
      switch (chance.below(4)) {
        case 0:
          rows[which].fixed += "+1";
          break;
        case 1:
          rows[which].urgency = rows[which].urgency == "high" ? "low" : "high";
          break;
        default:
          add(at->first, chance);
      }
    }
  }

  std::string lines() const {
    std::string out;
    for (const auto& [source, rows] : by_source) {
      for (const auto& row : rows) {
        out += fmt::format(
            R"({{"id":"DEBIAN-{0}","upstream":["{0}"],"affected":[{{"package":{{"ecosystem":"{1}","name":"{2}"}},)"
            R"("ranges":[{{"type":"ECOSYSTEM","events":[{{"introduced":"0"}}{3}]}}]{4}}}]}})"
            "\n",
            row.cve, kEcosystem, source, row.fixed.empty() ? "" : R"(,{"fixed":")" + row.fixed + R"("})",
            row.urgency.empty() ? "" : R"(,"ecosystem_specific":{"urgency":")" + row.urgency + R"("})");
      }
    }
    return out;
  }

  std::size_t size() const { return size_; }

  std::map<std::string, std::vector<Row>> by_source;

 private:
  std::size_t size_ = 0;
  int next_ = 0;
};

struct Host {
  std::size_t inventory = 0;
  std::string release;
};

struct World {
  std::vector<Inventory> inventories;
  std::vector<Sha256> hashes;
  std::vector<Host> hosts;
};

World world_of(const std::vector<Package>& installed, const Advisories& advisories, std::size_t inventories,
               std::size_t hosts, Chance& chance) {
  std::vector<Package> all = installed;
  for (int i = 0; i < kMadeUpSources; ++i) {
    const auto source = fmt::format("made-up-{}", i);
    all.push_back({source, "amd64", "1.0-1", source, "1.0-1"});
  }
  std::map<std::string, std::vector<std::string>> versions;  // that the fleet has, by source
  for (const auto& p : all) versions[p.source].push_back(p.source_version);
  for (auto& [source, list] : versions) {
    sort_unique(list);
    const auto said = advisories.by_source.find(source);
    if (said == advisories.by_source.end()) continue;
    for (std::size_t i = 0; i < kMostVersions && list.size() < kMostVersions; ++i) {
      const auto& fixed = chance.of(said->second).fixed;
      if (!fixed.empty()) list.push_back(fixed);
    }
    sort_unique(list);
  }
  std::vector<std::string> kernels;
  for (const auto& row : advisories.by_source.at("linux")) kernels.push_back(row.fixed);
  sort_unique(kernels);
  World world;
  std::vector<std::vector<std::string>> releases;
  std::set<Sha256> known;
  while (world.inventories.size() < inventories) {
    Inventory inventory{{"debian", "12"}, {}};
    const auto wanted = kFewestPackages + chance.below(kMostPackages - kFewestPackages);
    std::set<std::string> names;
    std::map<std::string, std::string> at;  // the version of a source is one in all of its packages
    while (inventory.packages.size() < wanted) {
      auto p = all[chance.one_in(4) ? chance.below(all.size()) : chance.below(installed.size())];
      if (!names.insert(p.name + ' ' + p.arch).second) {
        // All of this machine's are taken: the rest are made up.
        p = all[installed.size() + chance.below(kMadeUpSources)];
        if (!names.insert(p.name + ' ' + p.arch).second) continue;
      }
      const auto version = at.try_emplace(p.source, chance.of(versions.at(p.source))).first->second;
      if (p.source_version != version) p.version = p.source_version = version;
      inventory.packages.push_back(std::move(p));
    }
    std::vector<std::string> own{"6.18.0-of-its-own"};
    for (int i = 0; i < 2; ++i) {
      const auto release = fmt::format("6.1.0-{}-amd64", 10 + i);
      const auto& version = chance.of(kernels);
      inventory.packages.push_back({"linux-image-" + release, "amd64", version, "linux-signed-amd64", version});
      own.push_back(release);
    }
    const auto text = must(inventory_text(inventory));
    const auto hash = inventory_hash(text);
    if (!known.insert(hash).second) continue;
    world.inventories.push_back(must(parse_inventory(text)));
    world.hashes.push_back(hash);
    releases.push_back(std::move(own));
  }
  for (std::size_t i = 0; i < hosts; ++i) {
    const auto inventory = i < inventories ? i : chance.skewed(inventories);
    const auto& own = releases[inventory];
    world.hosts.push_back({inventory, chance.one_in(20) ? own.front() : own[1 + chance.below(own.size() - 1)]});
  }
  return world;
}

double milliseconds_since(Nanos start) { return static_cast<double>(now() - start) / 1e6; }

std::shared_ptr<const AdvisorySet> read(const std::string& lines) {
  FeedReader reader;
  must(reader.add("the feed", lines));
  return std::make_shared<const AdvisorySet>(std::move(reader).finish());
}

/// What both say of a host.
struct Answer {
  bool covered = false;
  Counts counts;
  KernelJudged kernel = KernelJudged::kNoneRunning;
  std::string kernel_package;
  friend bool operator==(const Answer&, const Answer&) = default;
};
using Answers = std::vector<Answer>;  // by host

Answers ask(Fleet& fleet, const World& world) {
  Answers out;
  out.reserve(world.hosts.size());
  for (const auto& host : world.hosts) {
    auto r = *fleet.result(world.hashes[host.inventory], {host.release});
    out.push_back({r.covered, r.counts, r.kernel, std::move(r.kernel_package)});
  }
  return out;
}

/// Distinct inventories with their kernels, matched anew; what `with` makes is asked for each.
template <class With>
Answers ask_anew(const World& world, std::size_t& matched, With&& with) {
  std::map<std::pair<std::size_t, std::string_view>, Answer> distinct;
  Answers out;
  out.reserve(world.hosts.size());
  for (const auto& host : world.hosts) {
    const auto [at, fresh] = distinct.try_emplace({host.inventory, host.release});
    if (fresh) {
      auto&& matcher = with();
      const auto result = matcher.match(world.inventories[host.inventory], {host.release}, Want::kCountsOnly);
      at->second = {result.covered, result.counts, result.kernel, result.kernel_package};
    }
    out.push_back(at->second);
  }
  matched = distinct.size();
  return out;
}

/// The inventories of hosts that are answered otherwise now.
std::vector<Sha256> changed(const World& world, const Answers& before, const Answers& after) {
  std::vector<Sha256> out;
  for (std::size_t i = 0; i < world.hosts.size(); ++i) {
    if (before[i] != after[i]) out.push_back(world.hashes[world.hosts[i].inventory]);
  }
  sort_unique(out);
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  const Arguments arguments(argc, argv);
  const auto count = [&](const char* name) { return static_cast<std::size_t>(arguments.number(name)); };
  Chance chance;
  const auto machine =
      must(parse_dpkg_status(must(read_file(arguments.text("status"), kMaxDpkgStatusBytes)), {"debian", "12"}));
  std::vector<Package> installed;
  for (const auto& p : machine.packages) {
    if (!p.source.starts_with("linux")) installed.push_back(p);
  }
  Advisories advisories(arguments.text("feed"), installed, count("rows"), chance);
  const auto world = world_of(installed, advisories, count("inventories"), count("hosts"), chance);

  auto set = read(advisories.lines());
  Fleet fleet(set);
  auto start = now();
  for (std::size_t i = 0; i < world.inventories.size(); ++i) {
    if (const auto added = fleet.add(world.hashes[i], world.inventories[i]); !added)
      differ(added.error().message.c_str());
  }
  auto told = ask(fleet, world);
  const auto first_ms = milliseconds_since(start);

  for (long round = 0; round < arguments.number("rounds"); ++round) {
    advisories.edit(count("touched"), chance);
    const auto lines = advisories.lines();
    start = now();
    auto newer = read(lines);
    const auto feed_ms = milliseconds_since(start);
    const auto touched = AdvisorySet::changed_sources(*set, *newer).size();

    start = now();
    const auto changes = fleet.update(newer);
    const auto update_ms = milliseconds_since(start);
    auto answers = ask(fleet, world);
    const auto ours_ms = milliseconds_since(start);

    std::size_t matched = 0;
    start = now();
    const auto anew = ask_anew(world, matched, [&] { return Matcher(newer); });
    const auto peer_ms = milliseconds_since(start);
    start = now();
    Matcher one(newer);
    const auto remembering = ask_anew(world, matched, [&]() -> Matcher& { return one; });
    const auto remembering_ms = milliseconds_since(start);

    if (answers != anew || anew != remembering)
      differ("the incremental result is not that of matching everything anew");
    // Its highest score may have become another too, but no count may change unsaid.
    const auto others = changed(world, told, answers);
    if (!std::includes(changes.counted.begin(), changes.counted.end(), others.begin(), others.end()))
      differ("hosts changed of which the fleet says nothing");
    if (touched != count("touched")) differ("the update does not touch as many sources as it should");
    std::size_t open = 0;
    for (const auto& a : answers) {
      const auto& c = a.counts;
      open += c.critical + c.high + c.medium + c.low + c.info + c.unknown;
    }
    std::printf(
        "{\"ours_ms\": %.3f, \"update_ms\": %.3f, \"peer_ms\": %.3f, \"full_ms\": %.3f, \"feed_ms\": %.1f, "
        "\"touched_inventories\": %zu, \"changed_inventories\": %zu, \"matched\": %zu, \"rows\": %zu, "
        "\"open_per_host\": %.1f, \"source_versions\": %zu, \"fleet_mb\": %.1f, \"first_ms\": %.1f}\n",
        ours_ms, update_ms, peer_ms, remembering_ms, feed_ms, changes.touched.size(), changes.counted.size(), matched,
        newer->size(), static_cast<double>(open) / static_cast<double>(answers.size()), fleet.source_versions(),
        static_cast<double>(fleet.bytes() + 8 * fleet.hits()) / 1e6, first_ms);
    set = std::move(newer);
    told = std::move(answers);
  }
}
