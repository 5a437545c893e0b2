#include "cli/moments.h"

#include <fmt/format.h>

#include <array>
#include <ctime>

#include "base/text.h"

namespace postern::cli {
namespace {

struct Unit {
  std::int64_t seconds;
  std::string_view one;
  std::string_view brief;
};
constexpr std::array<Unit, 4> kUnits{
    {{24 * 3600, "day", "d"}, {3600, "hour", "h"}, {60, "minute", "min"}, {1, "second", "s"}}};

std::tm local(WallTime t) {
  const std::time_t seconds = to_unix_ms(t) / 1000;
  std::tm out{};
  localtime_r(&seconds, &out);
  return out;
}

std::string formatted(const std::tm& t, const char* how) {
  std::array<char, 64> text;
  return {text.data(), std::strftime(text.data(), text.size(), how, &t)};
}

/// Reads `how` from the start of `text`; where it ends, or null.
const char* scan(const std::string& text, const char* how, std::tm& out) { return strptime(text.c_str(), how, &out); }

/// A civil date that exists: strptime takes 31 February.
bool exists(const std::tm& t) {
  std::tm again = t;
  again.tm_isdst = 0;
  return timegm(&again) != -1 && again.tm_mday == t.tm_mday && again.tm_mon == t.tm_mon;
}

std::optional<WallTime> from_local(std::tm t) {
  if (!exists(t)) return std::nullopt;
  t.tm_isdst = -1;
  const std::time_t seconds = std::mktime(&t);
  if (seconds < 0) return std::nullopt;
  return from_unix_ms(static_cast<std::int64_t>(seconds) * 1000);
}

std::optional<WallTime> civil(const std::string& text) {
  for (const char* how : {"%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d"}) {
    std::tm t{};
    if (const char* end = scan(text, how, t); end != nullptr && *end == '\0') return from_local(t);
  }
  return std::nullopt;
}

std::optional<WallTime> time_of_day(const std::string& text, WallTime now) {
  for (const char* how : {"%H:%M:%S", "%H:%M"}) {
    std::tm t{};
    const char* end = scan(text, how, t);
    if (end == nullptr || *end != '\0') continue;
    std::tm day = local(now);
    day.tm_hour = t.tm_hour;
    day.tm_min = t.tm_min;
    day.tm_sec = t.tm_sec;
    auto moment = from_local(day);
    if (moment && *moment > now) {
      --day.tm_mday;
      day.tm_isdst = -1;
      moment = from_unix_ms(static_cast<std::int64_t>(std::mktime(&day)) * 1000);
    }
    return moment;
  }
  return std::nullopt;
}

}  // namespace

std::string age_text(Millis age, std::string_view behind) {
  const std::int64_t seconds = age.count() / 1000;
  if (seconds < 2) return behind == "ago" ? "just now" : "at that moment";
  for (const Unit& unit : kUnits) {
    const std::int64_t n = seconds / unit.seconds;
    if (n > 0) return fmt::format("{} {}{} {}", n, unit.one, n == 1 ? "" : "s", behind);
  }
  return "just now";
}

std::string short_age(Millis age) {
  const std::int64_t seconds = age.count() / 1000;
  for (const Unit& unit : kUnits) {
    if (seconds >= unit.seconds) return fmt::format("{} {}", seconds / unit.seconds, unit.brief);
  }
  return "now";
}

std::string moment_text(WallTime t) { return formatted(local(t), "%-d %b %Y, %H:%M:%S %Z"); }
std::string log_time(WallTime t) { return formatted(local(t), "%Y-%m-%d %H:%M:%S"); }

std::optional<WallTime> read_iso8601(std::string_view text) {
  const std::string whole(text);
  std::tm t{};
  const char* rest = scan(whole, "%Y-%m-%dT%H:%M:%S", t);
  if (rest == nullptr || !exists(t)) return std::nullopt;
  std::int64_t ms = 0;
  if (*rest == '.') {
    std::int64_t scale = 100;
    for (++rest; *rest >= '0' && *rest <= '9'; ++rest, scale /= 10) ms += (*rest - '0') * scale;
  }
  std::int64_t offset = 0;
  if (*rest == '+' || *rest == '-') {
    const std::string_view shift(rest);
    const auto hours = shift.size() == 6 && shift[3] == ':' ? parse_u64(shift.substr(1, 2)) : std::nullopt;
    const auto minutes = hours ? parse_u64(shift.substr(4, 2)) : std::nullopt;
    if (!minutes || *hours > 23 || *minutes > 59) return std::nullopt;
    offset = static_cast<std::int64_t>(*hours * 60 + *minutes) * 60 * (*rest == '-' ? -1 : 1);
  } else if (std::string_view(rest) != "Z") {
    return std::nullopt;
  }
  return from_unix_ms((static_cast<std::int64_t>(timegm(&t)) - offset) * 1000 + ms);
}

std::string with_local_times(std::string_view text) {
  constexpr std::size_t kShortest = 20, kLongest = 27;  // 2026-11-26T10:00:00Z, with up to six digits behind the second
  std::string out;
  while (!text.empty()) {
    const std::size_t end = text.substr(0, kLongest + 1).find('Z');
    const bool may = text.front() >= '0' && text.front() <= '9' && end != text.npos && end + 1 >= kShortest;
    const auto moment = may ? read_iso8601(text.substr(0, end + 1)) : std::nullopt;
    out += moment ? moment_text(*moment) : std::string(1, text.front());
    text.remove_prefix(moment ? end + 1 : 1);
  }
  return out;
}

Result<Seconds> parse_span(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, std::int64_t>, 6> kSpans{
      {{"s", 1}, {"m", 60}, {"min", 60}, {"h", 3600}, {"d", 24 * 3600}, {"w", 7 * 24 * 3600}}};
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const auto number = parse_u64(text.substr(0, digits));
  for (const auto& [unit, seconds] : kSpans) {
    if (number && *number < 100'000'000 && text.substr(digits) == unit) {
      return Seconds(static_cast<std::int64_t>(*number) * seconds);
    }
  }
  return invalid(
      fmt::format("\"{}\" is no span of time; give a number and s, m, h, d or w, such as 7d", one_line(text)));
}

Result<WallTime> parse_moment(std::string_view given, WallTime now) {
  const std::string text(trim(given));
  std::optional<WallTime> moment;
  if (text == "now") {
    moment = now;
  } else if (text == "yesterday") {
    moment = now - Millis(std::int64_t{24} * 3600 * 1000);
  } else if (text.starts_with('-')) {
    const auto span = parse_span(text.substr(1));
    if (span) moment = now - std::chrono::duration_cast<Millis>(*span);
  } else if ((moment = read_iso8601(text)); !moment) {
    moment = civil(text);
    if (!moment) moment = time_of_day(text, now);
  }
  if (!moment || to_unix_ms(*moment) < 0) {
    return invalid(fmt::format("\"{}\" is no moment; write -2h, 10:05, '2026-11-26 10:00' or 2026-11-26T10:00:00Z",
                               one_line(text)));
  }
  if (*moment > now) return invalid(fmt::format("{} is still to come", moment_text(*moment)));
  return *moment;
}

Result<WallTime> parse_until(std::string_view given, WallTime now) {
  const std::string text(trim(given));
  std::optional<WallTime> moment;
  if (const auto span = parse_span(text)) {
    moment = now + std::chrono::duration_cast<Millis>(*span);
  } else if ((moment = read_iso8601(text)); !moment) {
    moment = civil(text);
  }
  if (!moment || to_unix_ms(*moment) < 0) {
    return invalid(fmt::format("\"{}\" is no moment to come; write 30d, 12h, 2026-12-31, '2026-12-31 18:00' or 2026-12-31T18:00:00Z",
                               one_line(text)));
  }
  if (*moment <= now) {
    return invalid(fmt::format("\"{}\" is {}, which is not to come", one_line(text), moment_text(*moment)));
  }
  return *moment;
}

Result<Seconds> parse_time_left(std::string_view text, WallTime now, Seconds longest) {
  const auto until = parse_until(text, now);
  if (!until) return fail(until.error());
  const Seconds left = std::chrono::ceil<Seconds>(*until - now);
  if (left < Seconds(60)) {
    return invalid(fmt::format("\"{}\" is less than a minute away; say 1m or more", one_line(text)));
  }
  if (left > longest) {
    return invalid(fmt::format("\"{}\" is {}; {} days from now are the most", one_line(text), moment_text(*until),
                               longest.count() / (24 * 3600)));
  }
  return left;
}

}  // namespace postern::cli
