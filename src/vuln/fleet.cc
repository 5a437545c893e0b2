#include "vuln/fleet.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <unordered_map>
#include <utility>

#include "base/sort_unique.h"
#include "vuln/judged.h"
#include "vuln/kernel.h"

namespace postern::vuln {
namespace {

using Id = std::uint32_t;
/// A hit as it is counted.
struct Mark {
  std::uint32_t number = 0;  // of the vulnerability
  Standing standing = Standing::kNone;
  bool exploited = false;
  std::uint8_t cvss_and_one = 0;  // tenths of the score, plus one; 0: no score
  friend bool operator==(const Mark&, const Mark&) = default;
};
static_assert(sizeof(Mark) == 8);
using Marks = std::vector<Mark>;

/// What was worked out of an inventory.
struct Told {
  Tally::Result tally;
  std::uint8_t cvss_and_one = 0;   // the highest, as in Mark
  std::uint16_t epss_and_one = 0;  // 0: no probability
  friend bool operator==(const Told&, const Told&) = default;
};

// What each thing takes, roughly, besides its text.
constexpr std::size_t kPairBytes = 8;
constexpr std::size_t kKernelBytes = 80;
constexpr std::size_t kVersionBytes = 200;
constexpr std::size_t kSourceBytes = 250;
constexpr std::size_t kInventoryBytes = 250;

struct FleetEcosystem {
  std::string name;  // empty: of distributions that cannot be judged
  bool covered = false;
};

struct FleetSource {
  Id ecosystem = 0;
  std::string name;
  std::shared_ptr<const SourceAdvisories> said;  // null: nothing
  std::vector<Id> versions;                      // none: a free place
};

struct FleetVersion {
  Id source = 0;
  std::string version;
  std::vector<Id> holders;  // inventories; none: a free place
  bool known = false;       // `marks` are what is open
  Marks marks;
};

struct InstalledKernel {
  std::string package;
  std::string release;
  Id version = 0;
  std::optional<Told> told;  // with this one running
};

struct Held {
  Sha256 hash{};
  std::size_t times = 0;  // 0: a free place
  Id ecosystem = 0;
  std::vector<Id> versions;         // what counts whatever runs
  std::vector<Id> kernel_versions;  // of `kernels`, each once
  std::vector<InstalledKernel> kernels;
  std::optional<Told> told;  // without a kernel
  std::size_t bytes = 0;
};

template <class N>
N and_one(std::optional<N> number) {
  return number ? static_cast<N>(*number + 1) : N{0};
}
template <class N>
std::optional<N> less_one(N number) {
  return number > 0 ? std::optional(static_cast<N>(number - 1)) : std::nullopt;
}

struct VersionKey {
  Id source;
  std::string_view version;
  friend bool operator==(const VersionKey&, const VersionKey&) = default;
};

struct HashOfVersionKey {
  std::size_t operator()(const VersionKey& k) const {
    return std::hash<std::string_view>()(k.version) ^ (k.source * 0x9e3779b97f4a7c15ull);
  }
};

template <class T>
Id take_place(std::deque<T>& places, std::vector<Id>& free) {
  if (free.empty()) {
    places.emplace_back();
    return static_cast<Id>(places.size() - 1);
  }
  const auto id = free.back();
  free.pop_back();
  return id;
}

void take_out(std::vector<Id>& list, Id id) {
  const auto at = std::find(list.rbegin(), list.rend(), id);
  *at = list.back();
  list.pop_back();
}

}  // namespace

struct Fleet::State {
  std::shared_ptr<const AdvisorySet> advisories;
  FleetLimits limits;
  Accepted accepted;
  CveNumbers numbers;
  std::vector<std::uint16_t> epss_and_one;  // by number, as Told has it
  Tally tally;
  Marks scratch;
  std::vector<FleetEcosystem> ecosystems;
  std::deque<FleetSource> sources;  // deques: what they hold stays where it is
  std::vector<Id> free_sources;
  std::unordered_map<std::string, Id> source_ids;
  std::deque<FleetVersion> versions;
  std::vector<Id> free_versions;
  std::unordered_map<VersionKey, Id, HashOfVersionKey> version_ids;
  std::deque<Held> inventories;
  std::vector<Id> free_inventories;
  std::unordered_map<Sha256, Id> by_hash;
  std::size_t bytes = 0;
  std::size_t hits = 0;

  struct Marked {
    explicit Marked(std::size_t inventories) : touched(inventories), affected(inventories) {}
    std::vector<bool> touched, affected;  // by inventory
  };

  Id ecosystem_id(const std::string& name) {
    for (std::size_t i = 0; i < ecosystems.size(); ++i) {
      if (ecosystems[i].name == name) return static_cast<Id>(i);
    }
    ecosystems.push_back({name, !name.empty() && advisories->covers(name)});
    return static_cast<Id>(ecosystems.size() - 1);
  }

  static std::string source_key(Id ecosystem, std::string_view name) {
    return std::to_string(ecosystem).append(1, ' ').append(name);
  }

  std::shared_ptr<const SourceAdvisories> said_of(const FleetSource& source) const {
    return advisories->source(ecosystems[source.ecosystem].name, source.name);
  }

  Id source_id(Id ecosystem, std::string_view name) {
    const auto [known, added] = source_ids.try_emplace(source_key(ecosystem, name), 0);
    if (!added) return known->second;
    const auto id = take_place(sources, free_sources);
    auto& source = sources[id];
    source.ecosystem = ecosystem;
    source.name = name;
    source.said = said_of(source);
    bytes += kSourceBytes + 2 * name.size();
    return known->second = id;
  }

  Id version_id(Id source, std::string_view version) {
    if (const auto known = version_ids.find({source, version}); known != version_ids.end()) return known->second;
    const auto id = take_place(versions, free_versions);
    auto& v = versions[id];
    v.source = source;
    v.version = version;
    sources[source].versions.push_back(id);
    version_ids.emplace(VersionKey{source, v.version}, id);
    bytes += kVersionBytes + version.size();
    return id;
  }

  void fill(Held& held, Id holder, const Inventory& inventory) {
    held.bytes = kInventoryBytes;
    for (const auto& p : inventory.packages) {
      auto release = kernel_release(p);
      if (release.empty()) continue;
      const auto id = version_id(source_id(held.ecosystem, kernel_source(p.source)), kernel_source_version(p));
      held.bytes += kKernelBytes + p.name.size() + release.size();
      held.kernels.push_back({p.name, std::move(release), id, {}});
      held.kernel_versions.push_back(id);
    }
    // Of a distribution that cannot be judged only the name of its kernel is of use.
    const auto judged = ecosystems[held.ecosystem].name.empty() ? std::vector<Judged>() : judged_packages(inventory);
    Id source = 0;
    for (auto j = judged.begin(); j != judged.end(); ++j) {
      if (j != judged.begin() && j->same(*std::prev(j))) continue;
      if (j == judged.begin() || j->name != std::prev(j)->name) source = source_id(held.ecosystem, j->name);
      held.versions.push_back(version_id(source, j->version));
    }
    held.versions.shrink_to_fit();
    sort_unique(held.kernel_versions);
    for (const auto* list : {&held.versions, &held.kernel_versions}) {
      for (const auto id : *list) versions[id].holders.push_back(holder);
      held.bytes += kPairBytes * list->size();
    }
    bytes += held.bytes;
  }

  void let_go(Id version, Id holder) {
    auto& v = versions[version];
    take_out(v.holders, holder);
    if (!v.holders.empty()) return;
    forget(v);
    bytes -= kVersionBytes + v.version.size();
    version_ids.erase({v.source, v.version});
    auto& source = sources[v.source];
    take_out(source.versions, version);
    if (source.versions.empty()) {
      bytes -= kSourceBytes + 2 * source.name.size();
      source_ids.erase(source_key(source.ecosystem, source.name));
      free_sources.push_back(v.source);
      source = {};
    }
    v = {};
    free_versions.push_back(version);
  }

  void remove(Id holder) {
    auto& held = inventories[holder];
    for (const auto* list : {&held.versions, &held.kernel_versions}) {
      for (const auto id : *list) let_go(id, holder);
    }
    bytes -= held.bytes;
    by_hash.erase(held.hash);
    held = {};
    free_inventories.push_back(holder);
  }

  // ---- what is open in a source's version

  Marks work_out(const FleetVersion& v) {
    Marks marks;
    const auto& source = sources[v.source];
    if (!source.said) return marks;
    for (const auto& hit : hits_in(*source.said, v.version, numbers)) {
      if (accepted && accepted(hit.advisory->cve, source.name, v.version)) continue;
      const auto& judgement = hit.advisory->judgement;
      marks.push_back({hit.number, hit.standing, judgement.kev, and_one<std::uint8_t>(judgement.cvss_tenths)});
      if (hit.number >= epss_and_one.size()) epss_and_one.resize(numbers.size());
      note_epss(hit.advisory->cve, hit.number);
    }
    return marks;
  }

  void note_epss(const std::string& cve, std::uint32_t number) {
    const auto* note = advisories->note(cve);
    epss_and_one[number] = note != nullptr ? and_one<std::uint16_t>(note->epss) : std::uint16_t{0};
  }

  void forget(FleetVersion& v) {
    hits -= v.marks.size();
    v.marks = {};
    v.known = false;
  }

  bool keep(FleetVersion& v, Marks& marks) {
    forget(v);
    if (hits + marks.size() > limits.hits) return false;
    hits += marks.size();
    v.marks = std::move(marks);
    v.marks.shrink_to_fit();
    return v.known = true;
  }

  const Marks& marks_of(Id version) {
    auto& v = versions[version];
    if (v.known) return v.marks;
    scratch = work_out(v);
    return keep(v, scratch) ? v.marks : scratch;
  }

  /// Whatever is open, package by package.
  template <class Each>
  void for_each_mark(const Held& held, const InstalledKernel* running, Each&& each) {
    for (const auto version : held.versions) {
      for (const auto& mark : marks_of(version)) each(mark);
    }
    if (running == nullptr) return;
    for (const auto& mark : marks_of(running->version)) each(mark);
  }

  Told work_out(const Held& held, const InstalledKernel* running) {
    Told out;
    if (!ecosystems[held.ecosystem].covered) return out;
    for_each_mark(held, running, [&](const Mark& mark) {
      tally.add(mark.number, mark.standing, mark.exploited);
      out.cvss_and_one = std::max(out.cvss_and_one, mark.cvss_and_one);
      out.epss_and_one = std::max(out.epss_and_one, epss_and_one[mark.number]);
    });
    out.tally = tally.finish();
    return out;
  }

  static InstalledKernel* running_of(Held& held, const RunningKernel& kernel) {
    if (kernel.release.empty()) return nullptr;
    const auto at = std::find_if(held.kernels.begin(), held.kernels.end(),
                                 [&](const auto& k) { return k.release == kernel.release; });
    return at == held.kernels.end() ? nullptr : &*at;
  }

  // ---- changes

  /// Works out anew what is open in this version; its holders are affected if that is something else.
  void look_again(FleetVersion& v, std::vector<bool>& affected) {
    if (v.known) {
      auto marks = work_out(v);
      if (marks == v.marks) return;
      keep(v, marks);
    }
    for (const auto holder : v.holders) affected[holder] = true;
  }

  /// Counts anew what was told of the inventory, and whether any of it is something else.
  bool tell_again(Held& held) {
    bool other = false;
    const auto again = [&](std::optional<Told>& told, const InstalledKernel* running) {
      if (!told) return;
      const auto now = work_out(held, running);
      other = other || now != *told;
      told = now;
    };
    again(held.told, nullptr);
    for (auto& kernel : held.kernels) again(kernel.told, &kernel);
    return other;
  }

  FleetChanges changes(const Marked& marked, const std::vector<bool>& now_judged_otherwise) {
    FleetChanges out;
    for (std::size_t i = 0; i < inventories.size(); ++i) {
      auto& held = inventories[i];
      if (held.times == 0) continue;
      const bool other_judge = now_judged_otherwise[held.ecosystem];
      if (!marked.touched[i] && !other_judge) continue;
      out.touched.push_back(held.hash);
      const bool told = held.told || std::any_of(held.kernels.begin(), held.kernels.end(),
                                                 [](const auto& kernel) { return kernel.told.has_value(); });
      const bool other = (marked.affected[i] || other_judge) && tell_again(held);
      if (other || (other_judge && told)) out.counted.push_back(held.hash);
    }
    std::sort(out.touched.begin(), out.touched.end());
    std::sort(out.counted.begin(), out.counted.end());
    if (numbers.stale(*advisories)) {
      for (auto& v : versions) forget(v);
      numbers.clear();
      epss_and_one.clear();
      tally = {};
    }
    return out;
  }
};

Fleet::Fleet(std::shared_ptr<const AdvisorySet> advisories, FleetLimits limits) : state_(std::make_unique<State>()) {
  state_->advisories = std::move(advisories);
  state_->limits = limits;
}
Fleet::~Fleet() = default;

Status Fleet::add(const Sha256& hash, const Inventory& inventory) {
  if (retain(hash)) return {};
  auto& s = *state_;
  const auto holder = take_place(s.inventories, s.free_inventories);
  s.by_hash.emplace(hash, holder);
  auto& held = s.inventories[holder];
  held.hash = hash;
  held.times = 1;
  held.ecosystem = s.ecosystem_id(ecosystem_of(inventory.distro));
  s.fill(held, holder, inventory);
  if (s.bytes <= s.limits.bytes) return {};
  s.remove(holder);
  return fail(ErrorCode::kResourceExhausted,
              fmt::format("the inventories of the fleet take more than {} MiB: this one, with {} packages, is not held",
                          s.limits.bytes >> 20, inventory.packages.size()));
}

bool Fleet::retain(const Sha256& hash) {
  const auto known = state_->by_hash.find(hash);
  if (known == state_->by_hash.end()) return false;
  ++state_->inventories[known->second].times;
  return true;
}

bool Fleet::holds(const Sha256& hash) const { return state_->by_hash.contains(hash); }

void Fleet::release(const Sha256& hash) {
  const auto known = state_->by_hash.find(hash);
  if (known == state_->by_hash.end()) return;
  if (--state_->inventories[known->second].times == 0) state_->remove(known->second);
}

std::optional<FleetResult> Fleet::result(const Sha256& hash, const RunningKernel& kernel) {
  auto& s = *state_;
  const auto known = s.by_hash.find(hash);
  if (known == s.by_hash.end()) return std::nullopt;
  auto& held = s.inventories[known->second];
  FleetResult out;
  auto* running = State::running_of(held, kernel);
  if (running != nullptr) {
    out.kernel = KernelJudged::kYes;
    out.kernel_package = running->package;
  } else if (!kernel.release.empty()) {
    out.kernel = KernelJudged::kNotOfDistribution;
  }
  out.covered = s.ecosystems[held.ecosystem].covered;
  auto& told = running != nullptr ? running->told : held.told;
  if (!told) told = s.work_out(held, running);
  out.counts = told->tally.counts;
  out.exploited = told->tally.exploited;
  out.max_cvss_tenths = less_one(told->cvss_and_one);
  out.max_epss = less_one(told->epss_and_one);
  return out;
}

std::optional<std::vector<std::string>> Fleet::open_among(const std::vector<std::string>& cves, const Sha256& hash,
                                                          const RunningKernel& kernel) {
  auto& s = *state_;
  const auto known = s.by_hash.find(hash);
  if (known == s.by_hash.end()) return std::nullopt;
  auto& held = s.inventories[known->second];
  std::vector<std::string> out;
  if (!s.ecosystems[held.ecosystem].covered) return out;
  std::vector<bool> open;
  s.for_each_mark(held, State::running_of(held, kernel), [&](const Mark& mark) {
    if (mark.number >= open.size()) open.resize(s.numbers.size());
    open[mark.number] = true;
  });
  for (const auto& cve : cves) {
    const auto number = s.numbers.known(cve);
    if (number && *number < open.size() && open[*number]) out.push_back(cve);
  }
  return out;
}

FleetChanges Fleet::update(std::shared_ptr<const AdvisorySet> advisories) {
  auto& s = *state_;
  s.advisories = std::move(advisories);
  std::vector<bool> judged_otherwise(s.ecosystems.size());
  for (std::size_t i = 0; i < s.ecosystems.size(); ++i) {
    auto& ecosystem = s.ecosystems[i];
    const bool covered = !ecosystem.name.empty() && s.advisories->covers(ecosystem.name);
    judged_otherwise[i] = covered != ecosystem.covered;
    ecosystem.covered = covered;
  }
  State::Marked marked(s.inventories.size());
  const Sha256 kNothing{};
  bool notes_changed = false;
  for (auto& source : s.sources) {
    if (source.versions.empty()) continue;
    const auto before = std::exchange(source.said, s.said_of(source));
    if (!before && !source.said) continue;
    const bool same = before && source.said && before->digest == source.said->digest;
    const bool notes_same =
        (before ? before->notes_digest : kNothing) == (source.said ? source.said->notes_digest : kNothing);
    if (same && notes_same) continue;
    notes_changed = notes_changed || !notes_same;
    for (const auto id : source.versions) {
      for (const auto holder : s.versions[id].holders) {
        marked.touched[holder] = true;
        if (!notes_same) marked.affected[holder] = true;
      }
      if (!same) s.look_again(s.versions[id], marked.affected);
    }
  }
  if (notes_changed) {
    for (const auto& [cve, number] : s.numbers.all()) {
      if (number < s.epss_and_one.size()) s.note_epss(cve, number);
    }
  }
  return s.changes(marked, judged_otherwise);
}

FleetChanges Fleet::accept(Accepted accepted) {
  auto& s = *state_;
  s.accepted = std::move(accepted);
  State::Marked marked(s.inventories.size());
  for (auto& v : s.versions) {
    if (!v.holders.empty()) s.look_again(v, marked.affected);
  }
  marked.touched = marked.affected;
  return s.changes(marked, std::vector<bool>(s.ecosystems.size()));
}

const AdvisorySet& Fleet::advisories() const { return *state_->advisories; }
std::size_t Fleet::inventories() const { return state_->by_hash.size(); }
std::size_t Fleet::source_versions() const { return state_->version_ids.size(); }
std::size_t Fleet::bytes() const { return state_->bytes; }
std::size_t Fleet::hits() const { return state_->hits; }

}  // namespace postern::vuln
