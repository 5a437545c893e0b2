#pragma once
// Login records, utmp(5) and wtmp(5), as glibc writes them on Linux. Pure.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace postern::agent {

struct Login {
  std::string user;
  std::string line;       ///< Terminal: "tty1", "pts/0".
  std::int64_t at_s = 0;  ///< Unix seconds.
};

/// Sessions of people in the order of the records; records of other kinds, and a torn last one, are skipped.
std::vector<Login> parse_logins(std::string_view records);
/// Distinct users in the order of the records.
std::vector<std::string> users_of(const std::vector<Login>& logins);
/// The user of the newest login; empty when there is none.
std::string last_user(const std::vector<Login>& logins);

}  // namespace postern::agent
