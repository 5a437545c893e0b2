#pragma once
// What the core needs of vulnerability matching; src/vuln does it, tests script it.
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "posture/fact.h"

namespace postern::ems {

/// One CVE in one package of an endpoint.
struct Finding {
  std::string cve;
  std::string source;     ///< Source package.
  std::string package;
  std::string version;
  std::string fixed;      ///< Version that mends it; empty: none yet.
  std::string severity;   ///< "critical", "high", "medium", "low", "info", "unknown".
  bool kev = false;       ///< Known to be exploited.
};

struct MatchResult {
  bool covered = true;                   ///< False: the feeds say nothing of this distribution, so nothing is known.
  posture::VulnerabilityCounts counts;   ///< Per distinct CVE.
  std::string kernel;                    ///< What was made of the running kernel, for a person.
  std::vector<Finding> findings;
};

/// Thread: one at a time.
class Matching {
 public:
  virtual ~Matching() = default;
  /// `inventory` is the text that agents send, `kernel_release` what runs there; empty when unknown.
  /// Errors: of the inventory's form.
  virtual Result<MatchResult> match(std::string_view inventory, std::string_view kernel_release) const = 0;
};

}  // namespace postern::ems
