#pragma once
// Numbers over the findings that nobody accepted.
#include <memory>
#include <vector>

#include "ems/tagging/matching.h"

namespace postern::ems {

/// Sets `total`, `kev`, `max_cvss_tenths`, `max_epss` and `cves` from the open findings.
void summarise(MatchResult& result);

/// `result` as it is with these risks accepted: findings that one covers are marked and no longer counted. `result`
/// itself where none covers any. What was not listed because there is too much of it can't be accepted: then `counts`
/// stay whole. Risks that are out of force are the caller's to leave out.
std::shared_ptr<const MatchResult> with_accepted(std::shared_ptr<const MatchResult> result,
                                                 const std::vector<std::shared_ptr<const Risk>>& risks);

}  // namespace postern::ems
