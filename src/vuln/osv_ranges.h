#pragma once
// OSV range events as intervals.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "vuln/advisory.h"

namespace postern::vuln {

inline constexpr std::size_t kMaxIntervals = 10'000;  ///< Of one affected package.

/// In the order in which events at one version take effect: what is fixed in a version may be
/// introduced in it again, and what is introduced in a version may be affected in that version
/// last.
enum class RangeEventKind : std::uint8_t { kFixed, kIntroduced, kLastAffected, kLimit };
std::optional<RangeEventKind> range_event_kind(std::string_view name);

struct RangeEvent {
  RangeEventKind kind;
  std::string_view version;
};

/// Appends the intervals of one range, as the OSV schema evaluates its events: sorted by the
/// ecosystem's order, "0" before everything; a range without an end goes on. Empty intervals are left out.
/// Errors: kInvalidArgument (no `introduced`, a version that is none, or a `limit`, which no range
/// of versions needs).
Status add_intervals(versions::Order order, std::vector<RangeEvent> events,
                     std::vector<AffectedInterval>& intervals);

}  // namespace postern::vuln
