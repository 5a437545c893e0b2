#include "vuln/matcher.h"

#include <algorithm>
#include <array>

#include "base/sort_unique.h"
#include "base/versions/debian.h"
#include "vuln/kernel.h"

namespace postern::vuln {
namespace {

/// Package versions plus hits remembered before starting anew: endpoints name the packages, so the
/// memory must have an end.
constexpr std::size_t kMaxRemembered = 2'000'000;

/// What one vulnerability is counted as, when it stands in several packages with different
/// severities: the highest. An unknown severity with a fix goes before medium: it may be high, and
/// whoever asks for high must not be told "none".
enum Standing : std::uint8_t {
  kNone,
  kUnknownWithoutFix,
  kInfo,
  kLow,
  kMedium,
  kUnknownWithFix,
  kHigh,
  kCritical,
  kStandings
};

Standing standing(Severity severity, bool has_fix) {
  switch (severity) {
    case Severity::kUnknown:
      return has_fix ? kUnknownWithFix : kUnknownWithoutFix;
    case Severity::kInfo:
      return kInfo;
    case Severity::kLow:
      return kLow;
    case Severity::kMedium:
      return kMedium;
    case Severity::kHigh:
      return kHigh;
    case Severity::kCritical:
      return kCritical;
  }
  return kUnknownWithFix;
}

Counts counts_of(const std::vector<std::uint8_t>& standings) {
  std::array<std::uint32_t, kStandings> n{};
  for (const auto s : standings) ++n[s];
  return {.critical = n[kCritical],
          .high = n[kHigh],
          .medium = n[kMedium],
          .low = n[kLow],
          .info = n[kInfo],
          .unknown = n[kUnknownWithFix] + n[kUnknownWithoutFix],
          .unknown_fixable = n[kUnknownWithFix]};
}

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

/// One vulnerability open in one version of one source.
struct Matcher::Hit {
  std::uint32_t number;  // of the vulnerability in this Matcher, from 0
  std::string_view cve;  // in the AdvisorySet, as `fixed` is
  std::string_view fixed;
  Severity severity;
  Judgement judgement;
  std::optional<std::uint16_t> epss;
};

struct Matcher::Memory {
  std::unordered_map<std::string, std::vector<Hit>> hits;  // by ecosystem, source, version
  std::unordered_map<std::string_view, std::uint32_t> numbers;
  std::vector<std::uint8_t> standings;  // by number, all zero between matches
  std::size_t size = 0;                 // of `hits`, what they hold included
  std::string key;
};

Matcher::Matcher(std::shared_ptr<const AdvisorySet> advisories)
    : advisories_(std::move(advisories)), memory_(std::make_unique<Memory>()) {}
Matcher::Matcher(Matcher&&) noexcept = default;
Matcher& Matcher::operator=(Matcher&&) noexcept = default;
Matcher::~Matcher() = default;

std::size_t Matcher::remembered() const { return memory_->size; }

const std::vector<Matcher::Hit>& Matcher::hits(const std::string& ecosystem,
                                               std::string_view source, std::string_view version) {
  auto& memory = *memory_;
  memory.key.assign(ecosystem).append(1, '\n').append(source).append(1, '\n').append(version);
  if (const auto known = memory.hits.find(memory.key); known != memory.hits.end())
    return known->second;
  if (memory.size >= kMaxRemembered) {
    memory.hits.clear();
    memory.size = 0;
  }
  std::vector<Hit> found;
  for (const auto& advisory : advisories_->of(ecosystem, source)) {
    std::string_view fixed;
    if (!affects(*advisory.affected, version, fixed)) continue;
    if (!found.empty() && found.back().cve == advisory.cve) {
      // Several records about one vulnerability: free of it is what satisfies all that give a
      // version.
      auto& hit = found.back();
      if (hit.fixed.empty() || (!fixed.empty() && versions::compare_debian(hit.fixed, fixed) < 0))
        hit.fixed = fixed;
      continue;
    }
    const auto number = static_cast<std::uint32_t>(memory.numbers.size());
    const auto n = memory.numbers.emplace(advisory.cve, number).first->second;
    found.push_back({n, advisory.cve, fixed, advisory.effective.severity,
                     advisory.judgement, advisory.epss});
  }
  memory.size += 1 + found.size();
  return memory.hits.emplace(memory.key, std::move(found)).first->second;
}

const Package* running_kernel_package(const Inventory& inventory, const RunningKernel& kernel) {
  if (kernel.release.empty()) return nullptr;
  const auto name = "linux-image-" + kernel.release;
  const auto unsigned_name = name + "-unsigned";
  for (const auto& p : inventory.packages) {
    if ((p.name == name || p.name == unsigned_name) && !kernel_source(p.source).empty()) return &p;
  }
  return nullptr;
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
  auto& standings = memory_->standings;
  for (const auto& package : inventory.packages) {
    const auto of_kernel = kernel_source(package.source);
    if (!of_kernel.empty() && &package != running) continue;
    const std::string_view source =
        of_kernel.empty() ? std::string_view(package.source) : of_kernel;
    const std::string_view version = of_kernel.empty() ? std::string_view(package.source_version)
                                                       : kernel_source_version(package);
    for (const auto& hit : hits(ecosystem, source, version)) {
      if (standings.size() <= hit.number) standings.resize(memory_->numbers.size());
      standings[hit.number] =
          std::max<std::uint8_t>(standings[hit.number], standing(hit.severity, !hit.fixed.empty()));
      if (want == Want::kCountsOnly) continue;
      if (result.findings.size() == kMaxFindings) {
        ++result.findings_omitted;
        continue;
      }
      result.findings.push_back({std::string(hit.cve), std::string(source), package.name,
                                 package.version, std::string(version), std::string(hit.fixed),
                                 hit.severity, hit.judgement, hit.epss});
    }
  }
  result.counts = counts_of(standings);
  std::fill(standings.begin(), standings.end(), std::uint8_t{kNone});
  auto& findings = result.findings;
  // One package of two architectures in one version is one finding.
  sort_unique(findings);
  return result;
}

}  // namespace postern::vuln
