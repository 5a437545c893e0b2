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
  std::string note;       ///< Why it is not counted; empty: it is.
};

struct MatchResult {
  posture::VulnerabilityCounts counts;   ///< Per distinct CVE.
  std::vector<Finding> findings;
};

/// Immutable. Thread: any.
class Matching {
 public:
  virtual ~Matching() = default;
  /// `inventory` is the text that agents send; `kernel_package` and `kernel_release` those of the running kernel, empty
  /// when unknown. Error: kDataLoss (not an inventory).
  virtual Result<MatchResult> match(std::string_view inventory, std::string_view kernel_package,
                                    std::string_view kernel_release) const = 0;
};

}  // namespace postern::ems
