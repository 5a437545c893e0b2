#include "vuln/fleet.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "vuln/fleet_holdings.h"
#include "vuln/judged.h"

namespace postern::vuln {
namespace {

template <class N>
N and_one(std::optional<N> number) {
  return number ? static_cast<N>(*number + 1) : N{0};
}
template <class N>
std::optional<N> less_one(N number) {
  return number > 0 ? std::optional(static_cast<N>(number - 1)) : std::nullopt;
}

fleet_parts::InstalledKernel* running_of(fleet_parts::Held& held, const RunningKernel& kernel) {
  if (kernel.release.empty()) return nullptr;
  const auto at = std::find_if(held.kernels.begin(), held.kernels.end(),
                               [&](const auto& k) { return k.release == kernel.release; });
  return at == held.kernels.end() ? nullptr : &*at;
}

}  // namespace

struct Fleet::State {
  using Mark = fleet_parts::Mark;
  using Marks = fleet_parts::Marks;
  using Told = fleet_parts::Told;
  using Held = fleet_parts::Held;
  using InstalledKernel = fleet_parts::InstalledKernel;

  fleet_parts::Holdings holdings;
  FleetLimits limits;
  Accepted accepted = {};
  CveNumbers numbers = {};
  std::vector<std::uint16_t> epss_and_one = {};  // by number, as Told has it
  Tally tally = {};
  Marks scratch = {};

  struct Marked {
    explicit Marked(std::size_t inventories) : touched(inventories), affected(inventories) {}
    std::vector<bool> touched, affected;  // by inventory
  };

  // ---- what is open in a source's version

  Marks work_out(const fleet_parts::Version& v) {
    Marks marks;
    const auto& source = holdings.sources[v.source];
    if (!source.said || !v.valid) return marks;
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
    const auto* note = holdings.advisories->note(cve);
    epss_and_one[number] = note != nullptr ? and_one<std::uint16_t>(note->epss) : std::uint16_t{0};
  }

  bool keep(fleet_parts::Version& v, Marks& marks) {
    holdings.forget(v);
    if (holdings.hits + marks.size() > limits.hits) return false;
    holdings.hits += marks.size();
    v.marks = std::move(marks);
    v.marks.shrink_to_fit();
    return v.known = true;
  }

  const Marks& marks_of(fleet_parts::Id version) {
    auto& v = holdings.versions[version];
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

  bool covered(const Held& held) const { return holdings.ecosystems[held.ecosystem].covered; }

  void note_unjudged(fleet_parts::Id version, Told& told) const {
    const auto& v = holdings.versions[version];
    const auto& source = holdings.sources[v.source];
    if (told.unjudged.empty())
      told.unjudged = why_unjudged(source.name, v.version, holdings.ecosystems[source.ecosystem].order, source.said.get());
  }

  Told work_out(const Held& held, const InstalledKernel* running) {
    Told out;
    if (!covered(held)) return out;
    for_each_mark(held, running, [&](const Mark& mark) {
      tally.add(mark.number, mark.standing, mark.exploited);
      out.cvss_and_one = std::max(out.cvss_and_one, mark.cvss_and_one);
      out.epss_and_one = std::max(out.epss_and_one, epss_and_one[mark.number]);
    });
    out.tally = tally.finish();
    for (const auto id : holdings.advisories->any_unread() ? held.versions : held.odd_versions) note_unjudged(id, out);
    if (running != nullptr) note_unjudged(running->version, out);
    return out;
  }

  // ---- changes

  /// Works out anew what is open in this version; its holders are affected if that is something else.
  void look_again(fleet_parts::Version& v, std::vector<bool>& affected) {
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
    for (std::size_t i = 0; i < holdings.inventories.size(); ++i) {
      auto& held = holdings.inventories[i];
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
    if (numbers.stale(*holdings.advisories)) {
      for (auto& v : holdings.versions) holdings.forget(v);
      numbers.clear();
      epss_and_one.clear();
      tally = {};
    }
    return out;
  }
};

Fleet::Fleet(std::shared_ptr<const AdvisorySet> advisories, FleetLimits limits)
    : state_(new State{fleet_parts::Holdings(std::move(advisories)), limits}) {}
Fleet::~Fleet() = default;

Status Fleet::add(const Sha256& hash, const Inventory& inventory) {
  if (retain(hash)) return {};
  auto& s = *state_;
  s.holdings.add(hash, inventory);
  if (s.holdings.bytes <= s.limits.bytes) return {};
  s.holdings.remove(hash);
  return fail(ErrorCode::kResourceExhausted,
              fmt::format("the inventories of the fleet take more than {} MiB: this one, with {} packages, is not held",
                          s.limits.bytes >> 20, inventory.packages.size()));
}

bool Fleet::retain(const Sha256& hash) {
  auto* held = state_->holdings.find(hash);
  if (held == nullptr) return false;
  ++held->times;
  return true;
}

bool Fleet::holds(const Sha256& hash) const { return state_->holdings.find(hash) != nullptr; }

void Fleet::release(const Sha256& hash) {
  auto* held = state_->holdings.find(hash);
  if (held != nullptr && --held->times == 0) state_->holdings.remove(hash);
}

std::optional<FleetResult> Fleet::result(const Sha256& hash, const RunningKernel& kernel) {
  auto& s = *state_;
  auto* held = s.holdings.find(hash);
  if (held == nullptr) return std::nullopt;
  FleetResult out;
  auto* running = running_of(*held, kernel);
  if (running != nullptr) {
    out.kernel = KernelJudged::kYes;
    out.kernel_package = running->package;
  } else if (!kernel.release.empty()) {
    out.kernel = KernelJudged::kNotOfDistribution;
  }
  out.covered = s.covered(*held);
  auto& told = running != nullptr ? running->told : held->told;
  if (!told) told = s.work_out(*held, running);
  out.counts = told->tally.counts;
  out.unjudged = told->unjudged;
  out.exploited = told->tally.exploited;
  out.max_cvss_tenths = less_one(told->cvss_and_one);
  out.max_epss = less_one(told->epss_and_one);
  return out;
}

std::optional<std::vector<std::string>> Fleet::open_among(const std::vector<std::string>& cves, const Sha256& hash,
                                                          const RunningKernel& kernel) {
  auto& s = *state_;
  auto* held = s.holdings.find(hash);
  if (held == nullptr) return std::nullopt;
  std::vector<std::string> out;
  if (!s.covered(*held)) return out;
  std::vector<bool> open;
  s.for_each_mark(*held, running_of(*held, kernel), [&](const fleet_parts::Mark& mark) {
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
  auto& holdings = s.holdings;
  holdings.advisories = std::move(advisories);
  std::vector<bool> judged_otherwise(holdings.ecosystems.size());
  for (std::size_t i = 0; i < holdings.ecosystems.size(); ++i) {
    auto& ecosystem = holdings.ecosystems[i];
    const bool covered = !ecosystem.name.empty() && holdings.advisories->covers(ecosystem.name);
    judged_otherwise[i] = covered != ecosystem.covered;
    ecosystem.covered = covered;
  }
  State::Marked marked(holdings.inventories.size());
  const Sha256 kNothing{};
  bool notes_changed = false;
  for (auto& source : holdings.sources) {
    if (source.versions.empty()) continue;
    const auto before = std::exchange(source.said, holdings.said_of(source));
    if (!before && !source.said) continue;
    const bool same = before && source.said && before->digest == source.said->digest;
    const bool notes_same =
        (before ? before->notes_digest : kNothing) == (source.said ? source.said->notes_digest : kNothing);
    if (same && notes_same) continue;
    const bool unread_same = (before ? before->unread : std::string()) == (source.said ? source.said->unread : std::string());
    notes_changed = notes_changed || !notes_same;
    for (const auto id : source.versions) {
      for (const auto holder : holdings.versions[id].holders) {
        marked.touched[holder] = true;
        if (!notes_same) marked.affected[holder] = true;
      }
      if (!same) s.look_again(holdings.versions[id], marked.affected);
      if (holdings.versions[id].valid && unread_same) continue;
      for (const auto holder : holdings.versions[id].holders) marked.affected[holder] = true;
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
  State::Marked marked(s.holdings.inventories.size());
  for (auto& v : s.holdings.versions) {
    if (!v.holders.empty()) s.look_again(v, marked.affected);
  }
  marked.touched = marked.affected;
  return s.changes(marked, std::vector<bool>(s.holdings.ecosystems.size()));
}

const AdvisorySet& Fleet::advisories() const { return *state_->holdings.advisories; }
std::size_t Fleet::inventories() const { return state_->holdings.size(); }
std::size_t Fleet::source_versions() const { return state_->holdings.version_count(); }
std::size_t Fleet::bytes() const { return state_->holdings.bytes; }
std::size_t Fleet::hits() const { return state_->holdings.hits; }

}  // namespace postern::vuln
