#pragma once
// What the core needs of vulnerability matching; src/vuln does it, tests script it.
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/sha256.h"
#include "posture/fact.h"
#include "vuln/advisory.h"

namespace postern::ems {

struct Risk;

/// One CVE in one package of an endpoint.
struct Finding {
  std::string cve = {};
  std::string source = {};     ///< Source package.
  std::string package = {};
  std::string version = {};
  std::string fixed = {};      ///< Version that mends it; empty: none yet.
  std::string severity = {};   ///< "critical", "high", "medium", "low", "info", "unknown": the effective one.
  bool kev = false;            ///< Known to be exploited.
  std::string source_version = {};
  vuln::Judgement judgement = {};                    ///< What the sources say, kept apart.
  std::shared_ptr<const vuln::CveNote> note = {};    ///< Vector, KEV's and EPSS's row; null: neither scored nor listed.
  std::shared_ptr<const Risk> accepted = {};         ///< Somebody lives with it for now: it is not counted.
};

struct MatchResult {
  bool covered = true;                   ///< False: the feeds say nothing of this distribution, so nothing is known.
  posture::VulnerabilityCounts counts;   ///< Per distinct CVE.
  std::string unjudged;                  ///< Why of some package nobody knows what is open in it: nothing of this is known then. Empty: none.
  std::string kernel;                    ///< What was made of the running kernel, for a person.
  std::vector<Finding> findings;
  // Of the open findings, which are those that nobody accepted:
  std::uint32_t total = 0;               ///< Distinct CVEs.
  std::uint32_t kev = 0;                 ///< Distinct CVEs that are known to be exploited.
  std::optional<std::uint8_t> max_cvss_tenths;   ///< None: no open CVE has a score.
  std::optional<std::uint16_t> max_epss;         ///< Per 10,000; none: no open CVE has one.
  std::vector<std::string> cves;         ///< Distinct, ascending.
  std::size_t findings_omitted = 0;      ///< Counted in `counts` and not listed, because there are too many.
};

/// MatchResult's numbers, of everything that is open, accepted or not.
struct MatchSummary {
  bool covered = true;
  posture::VulnerabilityCounts counts;
  std::string unjudged;
  std::uint32_t total = 0;
  std::uint32_t kev = 0;
  std::optional<std::uint8_t> max_cvss_tenths;
  std::optional<std::uint16_t> max_epss;
  std::string kernel;
};

/// Thread: one at a time, those that followed one another included.
class Matching {
 public:
  virtual ~Matching() = default;
  /// `inventory` is the text that agents send, `kernel_release` what runs there; empty when unknown.
  /// Errors: of the inventory's form.
  virtual Result<MatchResult> match(std::string_view inventory, std::string_view kernel_release) const = 0;

  /// match()'s numbers for an inventory, the SHA-256 of its text, that was given to match() before; with another kernel too.
  /// No finding is made for it: some microseconds once it was asked, and after a new feed only what holds a changed source
  /// takes longer. Nothing where the inventory isn't known: call match().
  virtual std::optional<MatchSummary> summary(const Sha256& /*inventory*/, std::string_view /*kernel_release*/) const {
    return std::nullopt;
  }
  /// Those of `cves` that are open there, in their order. Nothing as above.
  virtual std::optional<std::vector<std::string>> open_among(const std::vector<std::string>& /*cves*/,
                                                             const Sha256& /*inventory*/,
                                                             std::string_view /*kernel_release*/) const {
    return std::nullopt;
  }

  /// Whether all that `before` said of this inventory, the SHA-256 of its text, is what this one says, with whatever
  /// kernel: then nobody needs to ask again. False where that isn't known.
  virtual bool says_the_same(const Matching& /*before*/, const Sha256& /*inventory*/) const { return false; }
  /// No endpoint has this inventory any more: what is known of it can go.
  virtual void forget(const Sha256& /*inventory*/) const {}
};

}  // namespace postern::ems
