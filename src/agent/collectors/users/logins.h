#pragma once
// Who is logged in now, by records that somebody keeps.
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "agent/collectors/collector.h"
#include "base/result.h"

namespace postern::agent {

inline constexpr std::string_view kUtmp = "/run/utmp";
inline constexpr std::string_view kSessionUsers = "/run/systemd/users";
/// Those who keep kSessionUsers: logind, and elogind by either of its names. Where one ends, its directory stays.
inline constexpr std::array<std::string_view, 3> kLoginKeepers{"systemd-logind", "elogind-daemon", "elogind"};

struct LoggedIn {
  std::vector<std::string> users;  ///< Distinct, in the order of the records.
  std::string last;                ///< Who of them came last, as far as the records say; empty: nobody is there.
  std::string source;
};

/// By utmp, which counts where init or systemd wrote into it that this machine started (others, as musl's systems, make the
/// file and never write to it; what was a day old when the file was made came with a copy), but for sessions whose process
/// is gone: of these logind must know. Else by logind's users, which count while a logind runs. Errors: kUnsupported (nobody
/// keeps such records, or those are of another root), kPermissionDenied, kUnavailable; their text says why nobody knows.
Result<LoggedIn> logged_in(const Facts& facts);

}  // namespace postern::agent
