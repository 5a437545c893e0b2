#pragma once
// FIRST's Exploit Prediction Scoring System: how likely each vulnerability is to be exploited within 30 days. A
// probability and no severity. https://epss.empiricalsecurity.com/epss_scores-current.csv.gz
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace postern::vuln {

struct EpssEntry {
  std::string cve;
  std::uint16_t epss = 0, percentile = 0;  ///< Per 10,000.
};

/// "#model_version:v2025.03.14,score_date:2025-08-25T12:55:00Z" -> "2025-08-25T12:55:00Z"; empty when it isn't said.
std::string_view epss_date(std::string_view comment_line);

/// "CVE-2024-3094,0.85012,0.99321". Error: kInvalidArgument.
Result<EpssEntry> read_epss_line(std::string_view line);

}  // namespace postern::vuln
