#include "gateway/config/schedule.h"

#include <ctime>

#include <algorithm>
#include <tuple>

#include "base/text.h"
#include "gateway/config/model.h"

namespace postern::gateway::config {
namespace {

bool holds_weekly(const WeeklySpan& span, const LocalMinute& now) {
  const auto begins = [&](unsigned weekday) { return (span.days >> weekday & 1) != 0; };
  const unsigned yesterday = (now.weekday + 6) % 7;
  if (span.start < span.end) return begins(now.weekday) && span.start <= now.minute && now.minute < span.end;
  return (begins(now.weekday) && span.start <= now.minute) || (begins(yesterday) && now.minute < span.end);
}

bool before(const LocalMinute& a, const LocalMinute& b) {
  return std::tie(a.year, a.month, a.day, a.minute) < std::tie(b.year, b.month, b.day, b.minute);
}

unsigned number(std::string_view text) { return static_cast<unsigned>(parse_u64(text).value_or(0)); }

}  // namespace

LocalMinute local_minute(WallTime time) {
  const auto seconds = static_cast<std::time_t>(to_unix_ms(time) / 1000);
  std::tm tm{};
  ::tzset();  // localtime_r alone keeps to the time zone that the machine had at first
  ::localtime_r(&seconds, &tm);
  return {tm.tm_year + 1900, static_cast<unsigned>(tm.tm_mon + 1), static_cast<unsigned>(tm.tm_mday),
          static_cast<unsigned>(tm.tm_hour * 60 + tm.tm_min), static_cast<unsigned>(tm.tm_wday)};
}

bool Schedules::holds(std::string_view name, const LocalMinute& now) const {
  if (const auto it = weekly.find(name); it != weekly.end()) return holds_weekly(it->second, now);
  if (const auto it = once.find(name); it != once.end()) {
    return !before(now, it->second.start) && before(now, it->second.end);
  }
  const auto it = groups.find(name);
  return it != groups.end() && std::any_of(it->second.begin(), it->second.end(), [&](const std::string& member) {
           return !groups.contains(member) && holds(member, now);
         });
}

unsigned minute_of_day(std::string_view time) { return number(time.substr(0, 2)) * 60 + number(time.substr(3, 2)); }

LocalMinute read_moment(std::string_view moment) {
  return {static_cast<int>(number(moment.substr(6, 4))), number(moment.substr(11, 2)), number(moment.substr(14, 2)),
          minute_of_day(moment), 0};
}

void keep_schedules(GatewayConfig& config, const LocalMinute& now) {
  const auto keep = [&](auto& policies) {
    for (auto& p : policies) p.enabled = p.enabled && config.schedules.holds(p.schedule, now);
  };
  keep(config.proxy_policies);
  keep(config.firewall_policies);
}

bool same_policies_hold(const GatewayConfig& config, const LocalMinute& a, const LocalMinute& b) {
  const auto same = [&](const auto& policies) {
    return std::all_of(policies.begin(), policies.end(), [&](const auto& p) {
      return !p.enabled || config.schedules.holds(p.schedule, a) == config.schedules.holds(p.schedule, b);
    });
  };
  return same(config.proxy_policies) && same(config.firewall_policies);
}

}  // namespace postern::gateway::config
