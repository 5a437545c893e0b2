#pragma once
// CISA's catalogue of known exploited vulnerabilities. It says which vulnerabilities are exploited, and nothing of
// packages: https://www.cisa.gov/sites/default/files/feeds/known_exploited_vulnerabilities.json
#include <boost/json/fwd.hpp>
#include <string>

#include "base/result.h"

namespace postern::vuln {

struct KevEntry {
  std::string cve;
  std::string added;        ///< "2025-08-25".
  std::string due;          ///< By when US agencies have to mend it; empty: not said.
  bool ransomware = false;  ///< Known to be used by extortionists.
};

/// One element of "vulnerabilities". Error: kInvalidArgument.
Result<KevEntry> read_kev_entry(const boost::json::value& entry);

}  // namespace postern::vuln
