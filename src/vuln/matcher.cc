#include "vuln/matcher.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <unordered_map>

#include "vuln/debian_version.h"

namespace postern::vuln {
namespace {

bool kernel_source(std::string_view source) {
  return source == "linux" || source.substr(0, 13) == "linux-signed-" || source.substr(0, 6) == "linux-" ;
}

bool affected(const Advisory& advisory, std::string_view version, std::string& fixed) {
  for (const auto& interval : advisory.intervals) {
    if (!interval.introduced.empty() && compare_debian_versions(version, interval.introduced) < 0) continue;
    if (!interval.fixed.empty() && compare_debian_versions(version, interval.fixed) >= 0) continue;
    if (!interval.last_affected.empty() && compare_debian_versions(version, interval.last_affected) > 0) continue;
    fixed = interval.fixed;
    return true;
  }
  return std::find(advisory.versions.begin(), advisory.versions.end(), version) != advisory.versions.end();
}

}  // namespace

std::string kernel_note(KernelJudged judged, std::string_view package) {
  switch (judged) {
    case KernelJudged::kYes: return "kernel: " + std::string(package);
    case KernelJudged::kNotOfDistribution: return "kernel: not of the distribution";
    case KernelJudged::kNoneRunning: return "kernel: none running";
  }
  return "kernel: none running";
}

struct Matcher::Hit {
  std::string cve;
  std::string fixed;
  Severity severity = Severity::kUnknown;
  bool kev = false;
};

struct Matcher::Memory {
  static constexpr std::size_t kLimit = 500'000;
  std::unordered_map<std::string, std::vector<Hit>> by_key;
};

Matcher::Matcher(std::shared_ptr<const AdvisorySet> advisories)
    : advisories_(std::move(advisories)), memory_(std::make_unique<Memory>()) {}
Matcher::Matcher(Matcher&&) noexcept = default;
Matcher& Matcher::operator=(Matcher&&) noexcept = default;
Matcher::~Matcher() = default;
std::size_t Matcher::remembered() const { return memory_->by_key.size(); }

const std::vector<Matcher::Hit>& Matcher::hits(const std::string& ecosystem, std::string_view source,
                                               std::string_view version) {
  auto key = ecosystem + '\n' + std::string(source) + '\n' + std::string(version);
  if (const auto it = memory_->by_key.find(key); it != memory_->by_key.end()) return it->second;
  if (memory_->by_key.size() >= Memory::kLimit) memory_->by_key.clear();
  std::vector<Hit> out;
  for (const auto& advisory : advisories_->of(ecosystem, source)) {
    std::string fixed;
    if (!affected(advisory, version, fixed)) continue;
    if (!out.empty() && out.back().cve == advisory.cve) {
      // Two records about one vulnerability: the worse counts, and any published fix is one.
      out.back().severity = std::max(out.back().severity, advisory.effective);
      out.back().kev = out.back().kev || advisory.kev;
      if (out.back().fixed.empty()) out.back().fixed = fixed;
      continue;
    }
    out.push_back({advisory.cve, std::move(fixed), advisory.effective, advisory.kev});
  }
  return memory_->by_key.emplace(std::move(key), std::move(out)).first->second;
}

const Package* running_kernel_package(const Inventory& inventory, const RunningKernel& kernel) {
  if (kernel.release.empty()) return nullptr;
  const auto name = "linux-image-" + kernel.release;
  for (const auto& package : inventory.packages) {
    if (package.name == name || package.name == name + "-unsigned") return &package;
  }
  return nullptr;
}

MatchResult Matcher::match(const Inventory& inventory, const RunningKernel& kernel, Want want) {
  MatchResult out;
  const auto ecosystem = ecosystem_of(inventory.distro);
  const Package* running = running_kernel_package(inventory, kernel);
  out.kernel = kernel.release.empty() ? KernelJudged::kNoneRunning
               : running != nullptr   ? KernelJudged::kYes
                                      : KernelJudged::kNotOfDistribution;
  if (running != nullptr) out.kernel_package = running->name;
  out.covered = !ecosystem.empty() && advisories_->covers(ecosystem);
  if (!out.covered) return out;
  struct Worst {
    Severity severity = Severity::kUnknown;
    bool fixable = false;
  };
  std::map<std::string, Worst> distinct;
  for (const auto& package : inventory.packages) {
    // Whatever is built from the kernel's source counts only as the kernel that runs.
    std::string_view source = package.source;
    if (kernel_source(source)) {
      if (&package != running) continue;
      source = "linux";  // the signed image is the same code under another source's name
    }
    for (const auto& hit : hits(ecosystem, source, package.source_version)) {
      auto& worst = distinct[hit.cve];
      worst.severity = std::max(worst.severity, hit.severity);
      worst.fixable = worst.fixable || !hit.fixed.empty();
      if (want == Want::kFindings) {
        out.findings.push_back({hit.cve, package.source, package.name, package.version, package.source_version, hit.fixed,
                                hit.severity, hit.kev});
      }
    }
  }
  for (const auto& [cve, worst] : distinct) {
    switch (worst.severity) {
      case Severity::kCritical: ++out.counts.critical; break;
      case Severity::kHigh: ++out.counts.high; break;
      case Severity::kMedium: ++out.counts.medium; break;
      case Severity::kLow: ++out.counts.low; break;
      case Severity::kInfo: ++out.counts.info; break;
      case Severity::kUnknown:
        ++out.counts.unknown;
        out.counts.unknown_fixable += worst.fixable;
        break;
    }
  }
  std::sort(out.findings.begin(), out.findings.end(), [](const Finding& a, const Finding& b) {
    return std::tie(a.cve, a.source, a.package) < std::tie(b.cve, b.source, b.package);
  });
  return out;
}

}  // namespace postern::vuln
