#pragma once
// Facts as the API shows them.
#include <boost/json/fwd.hpp>
#include <string_view>

#include "posture/fact.h"

namespace postern::ems::api {

/// {"key","known":true,"value",…} or {"key","known":false,"unknown_reason",…}, each with "collected_at" and "source".
/// A number that stands for a time or a score has a "text" for people too.
/// An unknown fact has no "value" at all, so that nobody reads it as 0, "no" or empty.
boost::json::object fact_json(std::string_view key, const posture::Fact& fact);

boost::json::object vulnerability_counts_json(const posture::VulnerabilityCounts& counts);

/// ISO 8601 in UTC; null for the epoch, which stands for "never".
boost::json::value time_json(WallTime time);

}  // namespace postern::ems::api
