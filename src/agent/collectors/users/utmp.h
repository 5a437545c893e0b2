#pragma once
// Login records, utmp(5) and wtmp(5), as glibc writes them on Linux. Pure.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace postern::agent {

struct Login {
  std::string user;
  std::string line;       ///< Terminal: "tty1", "pts/0".
  std::int64_t at_s = 0;  ///< Unix seconds.
  std::int64_t pid = 0;   ///< Of the session's process; 0: not said, or none that there can be.
};

/// The last record is not whole.
bool is_torn(std::string_view records);
/// Sessions of people in the order of the records; records of other kinds, and a torn last one, are skipped.
std::vector<Login> parse_logins(std::string_view records);
/// Distinct users in the order of the records.
std::vector<std::string> users_of(const std::vector<Login>& logins);
/// The user of the newest login; empty when there is none.
std::string last_user(const std::vector<Login>& logins);

/// The newest record of a start of the machine or of its run level, Unix seconds. Nothing: there is none, nobody keeps these.
std::optional<std::int64_t> start_recorded_at(std::string_view records);
/// The time of the newest record of whatever kind, Unix seconds.
std::optional<std::int64_t> newest_record_at(std::string_view records);

}  // namespace postern::agent
