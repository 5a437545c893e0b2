#pragma once
// Points in time and spans as people say and read them. Local time is TZ's.
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace postern::cli {

/// "just now", "12 seconds ago", "2 minutes ago", "3 hours ago", "5 days ago". `behind` is the word behind the number.
std::string age_text(Millis age, std::string_view behind = "ago");
/// Short, for tables: "4 s", "2 min", "3 h", "5 d".
std::string short_age(Millis age);
/// "26 Nov 2026, 10:00:03 UTC", in local time.
std::string moment_text(WallTime t);
/// "2026-11-26 10:00:03", in local time: for tables and logs.
std::string log_time(WallTime t);

/// What the EMS writes: "2026-11-24T14:02:03.123Z". nullopt: another form.
std::optional<WallTime> read_iso8601(std::string_view text);

/// `text` with each moment in it that the EMS wrote as moment_text says it.
std::string with_local_times(std::string_view text);

/// What people type: "-2h" (s, m or min, h, d, w), "10:05" (today, or yesterday where that is still to come),
/// "yesterday", "2026-11-26", "2026-11-26 10:00[:30]" in local time, and ISO 8601 with Z or an offset. Error:
/// kInvalidArgument, also for what is to come.
Result<WallTime> parse_moment(std::string_view text, WallTime now);

/// A moment to come, as people type it: a span from now on ("30d"), or a date or moment as parse_moment takes them; a date
/// means its beginning. Error: kInvalidArgument, also for what is past.
Result<WallTime> parse_until(std::string_view text, WallTime now);

/// The forms of parse_until, for --help.
inline constexpr std::string_view kUntilForms =
    "30d, 12h, 2026-12-31 (its beginning), '2026-12-31 18:00' (local time)";

/// How long it is from `now` to what parse_until reads, in whole seconds and never less: for what the EMS takes as a
/// span, of a minute at least. Error: kInvalidArgument, also for more than `longest`.
Result<Seconds> parse_time_left(std::string_view text, WallTime now, Seconds longest);

/// "90s", "30m", "12h", "7d", "2w". Error: kInvalidArgument.
Result<Seconds> parse_span(std::string_view text);

}  // namespace postern::cli
