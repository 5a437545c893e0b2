#include "agent/collectors/protection/clamav.h"

#include <array>
#include <chrono>

#include "base/text.h"

namespace postern::agent {

std::optional<std::uint64_t> parse_clam_version(std::string_view header) {
  const auto fields = split(header.substr(0, kClamHeader), ':');
  if (fields.size() < 4 || fields[0] != "ClamAV-VDB") return std::nullopt;
  return parse_u64(fields[2]);
}

namespace {

/// "24 Nov 2026 09-01 +0000".
std::optional<std::int64_t> parse_clam_time(std::string_view text) {
  constexpr std::array<std::string_view, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto parts = split(trim(text), ' ');
  if (parts.size() != 5 || parts[3].size() != 5 || parts[3][2] != '-' || parts[4].size() != 5) return std::nullopt;
  const auto day = parse_u64(parts[0]), year = parse_u64(parts[2]);
  const auto hour = parse_u64(parts[3].substr(0, 2)), minute = parse_u64(parts[3].substr(3));
  const auto zone_hour = parse_u64(parts[4].substr(1, 2)), zone_minute = parse_u64(parts[4].substr(3));
  unsigned month = 0;
  while (month < kMonths.size() && kMonths[month] != parts[1]) ++month;
  if (!day || !year || !hour || !minute || !zone_hour || !zone_minute || month == kMonths.size()) return std::nullopt;
  if (*day > 31 || *year > 9999 || *hour > 23 || *minute > 59 || *zone_hour > 14 || *zone_minute > 59) return std::nullopt;
  const std::chrono::year_month_day date(std::chrono::year(static_cast<int>(*year)), std::chrono::month(month + 1),
                                         std::chrono::day(static_cast<unsigned>(*day)));
  if (!date.ok()) return std::nullopt;
  const std::chrono::minutes zone(static_cast<int>(*zone_hour * 60 + *zone_minute) * (parts[4][0] == '-' ? -1 : 1));
  const auto at = std::chrono::sys_days(date).time_since_epoch() + std::chrono::hours(static_cast<int>(*hour)) +
                  std::chrono::minutes(static_cast<int>(*minute)) - zone;
  return std::chrono::duration_cast<std::chrono::milliseconds>(at).count();
}

}  // namespace

std::optional<std::int64_t> parse_clam_built(std::string_view header) {
  const auto fields = split(header.substr(0, kClamHeader), ':');
  if (fields.size() < 4 || fields[0] != "ClamAV-VDB") return std::nullopt;
  constexpr std::uint64_t kYear9999 = 253'402'300'799;
  if (fields.size() > 8) {
    if (const auto at = parse_u64(trim(fields[8])); at && *at > 0 && *at <= kYear9999)
      return static_cast<std::int64_t>(*at) * 1000;
  }
  return parse_clam_time(fields[1]);
}

}  // namespace postern::agent
