#include "vuln/matcher.h"

#include <algorithm>
#include <unordered_map>

#include "base/sort_unique.h"
#include "base/versions/order.h"
#include "vuln/ecosystem.h"
#include "vuln/hits.h"
#include "vuln/judged.h"
#include "vuln/kernel.h"

namespace postern::vuln {
namespace {

/// Package versions plus hits remembered before starting anew: endpoints name the packages, so the
/// memory must have an end.
constexpr std::size_t kMaxRemembered = 2'000'000;

}  // namespace

std::string kernel_note(KernelJudged judged, std::string_view package) {
  switch (judged) {
    case KernelJudged::kYes:
      return std::string("kernel: ").append(package);
    case KernelJudged::kNotOfDistribution:
      return "kernel: not of the distribution";
    case KernelJudged::kNoneRunning:
      break;
  }
  return "kernel: none running";
}

struct Matcher::Memory {
  struct Source {
    std::shared_ptr<const SourceAdvisories> advisories;  // null: nothing is said; hits point into it
    std::unordered_map<std::string, std::vector<Hit>> versions;
  };
  std::unordered_map<std::string, Source> sources;  // by ecosystem and source
  CveNumbers numbers;
  Tally tally;
  std::size_t size = 0;  // of `sources`: versions, and what is open in them

  static std::size_t size_of(const Source& source) {
    std::size_t size = 0;
    for (const auto& [version, hits] : source.versions) size += 1 + hits.size();
    return size;
  }

  void clear() {
    sources.clear();
    numbers.clear();
    tally = {};
    size = 0;
  }

  const std::vector<Hit>& hits(const AdvisorySet& advisories, std::string_view ecosystem, std::string_view source,
                               std::string_view version) {
    if (size >= kMaxRemembered) sources.clear(), size = 0;
    auto key = std::string(ecosystem).append(1, '\n').append(source);
    const auto [known, first] = sources.try_emplace(std::move(key));
    auto& memory = known->second;
    if (first) memory.advisories = advisories.source(ecosystem, source);
    const auto [hits, fresh] = memory.versions.try_emplace(std::string(version));
    if (fresh) {
      if (memory.advisories) hits->second = hits_in(*memory.advisories, version, numbers);
      size += 1 + hits->second.size();
    }
    return hits->second;
  }
};

Matcher::Matcher(std::shared_ptr<const AdvisorySet> advisories)
    : advisories_(std::move(advisories)), memory_(std::make_unique<Memory>()) {}
Matcher::Matcher(Matcher&&) noexcept = default;
Matcher& Matcher::operator=(Matcher&&) noexcept = default;
Matcher::~Matcher() = default;

std::size_t Matcher::remembered() const { return memory_->size; }

void Matcher::update(std::shared_ptr<const AdvisorySet> advisories) {
  advisories_ = std::move(advisories);
  std::erase_if(memory_->sources, [&](const auto& entry) {
    const auto end_of_ecosystem = entry.first.find('\n');
    const auto now = advisories_->source(std::string_view(entry.first).substr(0, end_of_ecosystem),
                                         std::string_view(entry.first).substr(end_of_ecosystem + 1));
    const auto& before = entry.second.advisories;
    if (before && now ? before->digest == now->digest : before == now) return false;
    memory_->size -= Memory::size_of(entry.second);
    return true;
  });
  if (memory_->numbers.stale(*advisories_)) memory_->clear();
}

const Package* running_kernel_package(const Inventory& inventory, const RunningKernel& kernel) {
  if (kernel.release.empty()) return nullptr;
  const auto at = std::find_if(inventory.packages.begin(), inventory.packages.end(),
                               [&](const Package& p) { return kernel_release(p) == kernel.release; });
  return at == inventory.packages.end() ? nullptr : &*at;
}

MatchResult Matcher::match(const Inventory& inventory, const RunningKernel& kernel, Want want) {
  MatchResult result;
  const auto* running = running_kernel_package(inventory, kernel);
  if (running != nullptr) {
    result.kernel = KernelJudged::kYes;
    result.kernel_package = running->name;
  } else if (!kernel.release.empty()) {
    result.kernel = KernelJudged::kNotOfDistribution;
  }
  const auto ecosystem = ecosystem_of(inventory.distro);
  result.covered = !ecosystem.empty() && advisories_->covers(ecosystem);
  if (!result.covered) return result;
  auto judged = judged_packages(inventory);
  std::string source_of_running;
  if (running != nullptr) {
    source_of_running = kernel_source(running->source);
    judged.push_back({source_of_running, kernel_source_version(*running), running});
  }
  const auto order = known_ecosystem(ecosystem)->order;
  auto& findings = result.findings;
  // However often a version of a source is named, it is looked up and counted once.
  for (auto begin = judged.begin(); begin != judged.end();) {
    const auto end = std::find_if(begin, judged.end(), [&](const Judged& j) { return !j.same(*begin); });
    const bool valid = versions::valid(order, begin->version);
    if (result.unjudged.empty() && (!valid || advisories_->any_unread()))
      result.unjudged = why_unjudged(begin->name, begin->version, order, advisories_->source(ecosystem, begin->name).get());
    if (!valid) {
      begin = end;
      continue;
    }
    const auto& hits = memory_->hits(*advisories_, ecosystem, begin->name, begin->version);
    for (const auto& hit : hits) memory_->tally.add(hit.number, hit.standing, hit.advisory->judgement.kev);
    for (; begin != end; ++begin) {
      if (want == Want::kCountsOnly) continue;
      const auto& source = begin->package == running ? source_of_running : begin->package->source;
      const auto listed = std::min(hits.size(), kMaxFindings - findings.size());
      result.findings_omitted += hits.size() - listed;
      for (std::size_t i = 0; i < listed; ++i) {
        const auto& advisory = *hits[i].advisory;
        const auto* note = advisories_->note(advisory.cve);
        findings.push_back({advisory.cve, source, begin->package->name, begin->package->version,
                            std::string(begin->version), std::string(hits[i].fixed), advisory.effective.severity,
                            advisory.judgement, note != nullptr ? note->epss : std::nullopt});
      }
    }
  }
  result.counts = memory_->tally.finish().counts;
  // One package of two architectures in one version is one finding.
  sort_unique(findings);
  return result;
}

}  // namespace postern::vuln
