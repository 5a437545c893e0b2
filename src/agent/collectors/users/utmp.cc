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

}  // namespace

std::vector<Login> parse_logins(std::string_view records) {
  std::vector<Login> out;
  for (; records.size() >= sizeof(utmp); records.remove_prefix(sizeof(utmp))) {
    utmp entry;
    std::memcpy(&entry, records.data(), sizeof entry);
    if (entry.ut_type != USER_PROCESS || entry.ut_user[0] == '\0') continue;
    out.push_back({field_text(entry.ut_user), field_text(entry.ut_line), entry.ut_tv.tv_sec});
  }
  return out;
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
