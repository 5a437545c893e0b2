#pragma once
// Which vulnerabilities are open on an endpoint: inventory x advisories x running kernel.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vuln/advisory.h"
#include "vuln/inventory.h"
#include "vuln/severity.h"

namespace postern::vuln {

/// What runs. Kernel packages are judged by this and nothing else: installed kernels that do not
/// run, headers, perf and linux-libc-dev hold code of the kernel's source and never count.
struct RunningKernel {
  std::string release;  ///< uname -r; empty: no kernel runs here (an image, another root) or it
                        ///< isn't known.
};

enum class KernelJudged : std::uint8_t {
  kYes,                ///< The running kernel is a package of the distribution and was judged.
  kNotOfDistribution,  ///< The running kernel belongs to no installed kernel package: outside the
                       ///< verdict.
  kNoneRunning,        ///< No release was given.
};
/// "kernel: linux-image-6.1.0-37-amd64", "kernel: not of the distribution", "kernel: none running".
std::string kernel_note(KernelJudged judged, std::string_view package);

struct Finding {
  std::string cve;
  std::string source;
  std::string package;         ///< Binary package.
  std::string version;         ///< Installed, of the binary package.
  std::string source_version;  ///< What was compared: `fixed` is a version of the source.
  std::string fixed;           ///< First version without it; empty: none published.
  Severity severity = Severity::kUnknown;  ///< The effective one: effective_severity(judgement).
  Judgement judgement;                     ///< What the sources say, kept apart.
  std::optional<std::uint16_t> epss;       ///< Per 10,000; more is in AdvisorySet::note.
  friend auto operator<=>(const Finding&, const Finding&) = default;
};

struct MatchResult {
  /// The advisories speak of this distribution. If false nothing was judged: counts of zero do not
  /// mean "clean", and a fact made of them must be unknown.
  bool covered = false;
  Counts counts;  ///< Distinct vulnerabilities.
  /// Of the first source of which nobody knows what is open in it, why that is so: "expat: its version ! is none of its
  /// distribution". A fact made of the counts must be unknown then. Empty: there is none.
  std::string unjudged;
  /// Sorted by cve, source, package; empty if only counts were wanted.
  std::vector<Finding> findings;
  /// Findings over kMaxFindings, which are counted in `counts` and not listed.
  std::size_t findings_omitted = 0;
  KernelJudged kernel = KernelJudged::kNoneRunning;
  std::string kernel_package;  ///< Set when kernel is kYes.
};

/// An endpoint names its packages itself: what it can make the server hold has an end.
inline constexpr std::size_t kMaxFindings = 200'000;

enum class Want : std::uint8_t { kFindings, kCountsOnly };

/// The package of the running kernel in this inventory, or nullptr.
const Package* running_kernel_package(const Inventory& inventory, const RunningKernel& kernel);

/// Matches inventories one by one and remembers per (ecosystem, source, version), so that many of them cost little more
/// than their distinct package versions. A feed update keeps what is remembered of sources it says nothing new about.
/// For a whole fleet see fleet.h. Thread: one at a time.
class Matcher {
 public:
  explicit Matcher(std::shared_ptr<const AdvisorySet> advisories);
  Matcher(Matcher&&) noexcept;
  Matcher& operator=(Matcher&&) noexcept;
  ~Matcher();

  /// Time is bounded by the advisories of the sources named, times kMaxVersionsOfSource.
  MatchResult match(const Inventory& inventory, const RunningKernel& kernel,
                    Want want = Want::kFindings);

  /// From now on matches against these; results are those of a new Matcher.
  void update(std::shared_ptr<const AdvisorySet> advisories);

  const Sha256& advisory_digest() const { return advisories_->digest(); }
  const AdvisorySet& advisories() const { return *advisories_; }
  std::size_t remembered() const;  ///< Package versions and their hits in the memory; bounded.

 private:
  struct Memory;

  std::shared_ptr<const AdvisorySet> advisories_;
  std::unique_ptr<Memory> memory_;
};

}  // namespace postern::vuln
