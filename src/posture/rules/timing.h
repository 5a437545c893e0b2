#pragma once
// Rules that ask how long ago something was.
#include <algorithm>
#include <string>

#include <fmt/format.h>

#include "posture/rule.h"

namespace postern::posture::rules {

/// It happened no longer than `span` ago: at exactly that age it still holds. A time ahead of ours counts as now, because
/// an endpoint's clock may be ahead. Tells `facts` until when it holds.
inline bool is_within(const FactView& facts, std::int64_t unix_ms, Millis span) {
  const WallTime now = facts.now().wall;
  if (unix_ms < to_unix_ms(now - span)) return false;
  facts.holds_until(from_unix_ms(std::min(unix_ms, to_unix_ms(now))) + span + Millis(1));
  return true;
}

/// "1 day", "7 days".
inline std::string count_of(std::int64_t number, std::string_view unit) {
  return fmt::format("{} {}{}", number, unit, number == 1 ? "" : "s");
}

}  // namespace postern::posture::rules
