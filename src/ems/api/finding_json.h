#pragma once
// Findings as the API shows them: what each source says of them, kept apart, and which of them decided.
#include <boost/json/fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "ems/tagging/matching.h"

namespace postern::ems::api {

/// "critical" first.
const std::vector<std::string>& severities_worst_first();
/// Sorts open ones before accepted ones, those known to be exploited before others, then the worst; unique.
std::string finding_position(const Finding& finding);
boost::json::object finding_json(const Finding& finding);
extern const std::string_view kFindingSchema;  ///< The OpenAPI component "Vulnerability".

}  // namespace postern::ems::api
