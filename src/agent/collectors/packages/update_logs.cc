#include "agent/collectors/packages/update_logs.h"

#include <ctime>

#include "base/text.h"

namespace postern::agent {
namespace {

std::optional<std::uint64_t> number_at(std::string_view text, std::size_t at, std::size_t length) {
  return text.size() >= at + length ? parse_u64(text.substr(at, length)) : std::nullopt;
}

/// "2026-11-24", and "14:02:03" at `gap`, as fields of a calendar; whose zone it is, the caller knows.
std::optional<std::tm> parse_fields(std::string_view text, std::size_t gap) {
  if (text.size() < gap + 8 || text[4] != '-' || text[7] != '-' || text[gap + 2] != ':' || text[gap + 5] != ':')
    return std::nullopt;
  const auto year = number_at(text, 0, 4), month = number_at(text, 5, 2), day = number_at(text, 8, 2);
  const auto hour = number_at(text, gap, 2), minute = number_at(text, gap + 3, 2), second = number_at(text, gap + 6, 2);
  if (!year || !month || !day || !hour || !minute || !second) return std::nullopt;
  if (*year < 1970 || *month < 1 || *month > 12 || *day < 1 || *day > 31 || *hour > 23 || *minute > 59 || *second > 60)
    return std::nullopt;
  std::tm out{};
  out.tm_year = static_cast<int>(*year) - 1900;
  out.tm_mon = static_cast<int>(*month) - 1;
  out.tm_mday = static_cast<int>(*day);
  out.tm_hour = static_cast<int>(*hour);
  out.tm_min = static_cast<int>(*minute);
  out.tm_sec = static_cast<int>(*second);
  return out;
}

/// "+0130", "-08", "Z": seconds east of Greenwich.
std::optional<std::int64_t> parse_zone(std::string_view text) {
  if (text == "Z") return 0;
  if ((text.size() != 3 && text.size() != 5) || (text[0] != '+' && text[0] != '-')) return std::nullopt;
  const auto hours = number_at(text, 1, 2);
  const auto minutes = text.size() == 5 ? number_at(text, 3, 2) : std::optional<std::uint64_t>(0);
  if (!hours || !minutes || *hours > 14 || *minutes > 59) return std::nullopt;
  const auto seconds = static_cast<std::int64_t>(*hours * 3600 + *minutes * 60);
  return text[0] == '-' ? -seconds : seconds;
}

/// The last line, from the end, for which `parse` has a time.
template <class Parse>
std::optional<std::int64_t> last_of(std::string_view log, Parse parse) {
  std::optional<std::int64_t> out;
  while (!log.empty() && !out) {
    if (log.ends_with('\n')) log.remove_suffix(1);
    const auto start = log.rfind('\n');
    out = parse(log.substr(start == log.npos ? 0 : start + 1));
    log = log.substr(0, start == log.npos ? 0 : start);
  }
  return out;
}

}  // namespace

std::optional<std::int64_t> parse_local_time(std::string_view text) {
  if (text.size() < 19 || text[10] != ' ') return std::nullopt;
  auto local = parse_fields(text, text[11] == ' ' ? 12 : 11);
  if (!local) return std::nullopt;
  local->tm_isdst = -1;
  const auto at = std::mktime(&*local);
  if (at < 0) return std::nullopt;
  return std::int64_t{at} * 1000;
}

std::optional<std::int64_t> parse_zoned_time(std::string_view text) {
  if (text.size() < 20 || text[10] != 'T') return std::nullopt;
  auto fields = parse_fields(text, 11);
  const auto zone = parse_zone(text.substr(19));
  if (!fields || !zone) return std::nullopt;
  return (std::int64_t{::timegm(&*fields)} - *zone) * 1000;
}

std::optional<std::int64_t> last_dpkg_upgrade(std::string_view log) {
  return last_of(log, [](std::string_view line) {
    return line.size() > 20 && line.substr(19).starts_with(" upgrade ") ? parse_local_time(line) : std::nullopt;
  });
}

std::optional<std::int64_t> last_apt_upgrade(std::string_view history) {
  std::optional<std::int64_t> out;
  bool upgrades = false;
  for (const auto raw : split(history, '\n')) {
    const auto line = trim(raw);
    if (line.empty()) upgrades = false;
    if (line.starts_with("Upgrade: ")) upgrades = true;
    constexpr std::string_view kEnd = "End-Date: ";
    if (!line.starts_with(kEnd) || !upgrades) continue;
    if (const auto at = parse_local_time(line.substr(kEnd.size())); at && (!out || *at > *out)) out = at;
  }
  return out;
}

std::optional<std::int64_t> last_dnf_upgrade(std::string_view log) {
  return last_of(log, [](std::string_view line) {
    const auto time = line.substr(0, line.find(' '));
    const bool upgrade = line.substr(time.size()).starts_with(" SUBDEBUG Upgrade: ");
    return upgrade ? parse_zoned_time(time) : std::nullopt;
  });
}

std::optional<std::int64_t> last_zypp_patch(std::string_view history) {
  return last_of(history, [](std::string_view line) -> std::optional<std::int64_t> {
    // Date, "patch", name, version, architecture, repository, severity, category, the state before, the state after.
    const auto fields = split(trim(line), '|');
    const bool applied = fields.size() > 9 && trim(fields[1]) == "patch" && trim(fields[9]) == "applied";
    return applied ? parse_local_time(fields[0]) : std::nullopt;
  });
}

}  // namespace postern::agent
