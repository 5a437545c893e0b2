#include "agent/collectors/users/utmp.h"

#include <utmp.h>

#include <algorithm>
#include <cstring>

namespace postern::agent {
namespace {

template <std::size_t N>
std::string field_text(const char (&field)[N]) {
  return std::string(field, ::strnlen(field, N));
}

template <class Take>
void each_record(std::string_view records, Take take) {
  for (; records.size() >= sizeof(utmp); records.remove_prefix(sizeof(utmp))) {
    utmp entry;
    std::memcpy(&entry, records.data(), sizeof entry);
    take(entry);
  }
}

template <class Counts>
std::optional<std::int64_t> newest(std::string_view records, Counts counts) {
  std::optional<std::int64_t> out;
  each_record(records, [&](const utmp& entry) {
    const std::int64_t at = entry.ut_tv.tv_sec;
    if (counts(entry) && (!out || at > *out)) out = at;
  });
  return out;
}

}  // namespace

bool is_torn(std::string_view records) { return records.size() % sizeof(utmp) != 0; }

std::vector<Login> parse_logins(std::string_view records) {
  std::vector<Login> out;
  each_record(records, [&](const utmp& entry) {
    if (entry.ut_type != USER_PROCESS || entry.ut_user[0] == '\0') return;
    out.push_back({field_text(entry.ut_user), field_text(entry.ut_line), entry.ut_tv.tv_sec,
                   std::max<std::int64_t>(entry.ut_pid, 0)});
  });
  return out;
}

std::optional<std::int64_t> start_recorded_at(std::string_view records) {
  return newest(records, [](const utmp& entry) { return entry.ut_type == BOOT_TIME || entry.ut_type == RUN_LVL; });
}

std::optional<std::int64_t> newest_record_at(std::string_view records) {
  return newest(records, [](const utmp& entry) { return entry.ut_type != EMPTY; });
}

std::vector<std::string> users_of(const std::vector<Login>& logins) {
  std::vector<std::string> out;
  for (const auto& login : logins) {
    if (std::ranges::find(out, login.user) == out.end()) out.push_back(login.user);
  }
  return out;
}

std::string last_user(const std::vector<Login>& logins) {
  const auto newest = std::ranges::max_element(logins, std::ranges::less_equal(), &Login::at_s);
  return newest == logins.end() ? std::string() : newest->user;
}

}  // namespace postern::agent
