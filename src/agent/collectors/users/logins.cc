#include "agent/collectors/users/logins.h"

#include <algorithm>
#include <utility>

#include "agent/collectors/kept.h"
#include "agent/collectors/listing.h"
#include "agent/collectors/os/key_values.h"
#include "agent/collectors/users/utmp.h"

namespace postern::agent {
namespace {

constexpr std::size_t kMaxRecords = 16u << 20;
constexpr std::size_t kMaxSession = 64u << 10;

bool kept(const Facts& facts, std::string_view records) {
  const auto written = start_recorded_at(records);
  if (!written) return false;
  const auto at = from_unix_ms(*written * 1000);
  // What is in memory was put there since this start whatever the clock said then: without a clock of its own a machine
  // starts long ago. It may have been put there as a copy of another's.
  if (in_memory(facts, kUtmp)) return written_into(at, made_at(facts, kUtmp));
  const auto start = started_at(facts);
  return start && at + kStartSlack >= *start;
}

Result<LoggedIn> by_logind(const Facts& facts) {
  const auto users = list_directory(facts, kSessionUsers);
  if (!users && users.error().code == ErrorCode::kNotFound)
    return fail(ErrorCode::kUnsupported, facts.foreign() ? kForeignRoot : "who is logged in is not recorded");
  if (!users) return fail(users.error());
  switch (keeper_of(facts, kSessionUsers, kLoginKeepers)) {
    case Keeper::kRuns: break;
    case Keeper::kHidden:
      return fail(ErrorCode::kPermissionDenied, "whether a logind keeps /run/systemd/users may not be seen");
    case Keeper::kNone:
      return fail(ErrorCode::kUnsupported,
                  facts.foreign() ? kForeignRoot : "no logind runs that would keep /run/systemd/users");
  }
  LoggedIn out{.users = {}, .last = {}, .source = std::string(kSessionUsers)};
  for (const auto& uid : *users) {
    if (uid.starts_with('.')) continue;  // is being written
    const auto text = facts.read(std::string(kSessionUsers) + "/" + uid, kMaxSession);
    if (!text && text.error().code == ErrorCode::kNotFound) continue;  // has just gone
    if (!text) return fail(text.error());
    const auto fields = parse_key_values(*text);
    const auto state = value_of(fields, "STATE");
    if (auto name = value_of(fields, "NAME"); !name.empty() && (state == "active" || state == "online")) {
      if (out.last.empty() || state == "active") out.last = name;
      out.users.push_back(std::move(name));
    }
  }
  return out;
}

/// A session that was killed leaves its record behind: whether its user is still there by another way, logind knows if anybody.
Result<LoggedIn> by_records(const Facts& facts, std::vector<Login> logins) {
  std::vector<std::string> left;
  std::erase_if(logins, [&](const Login& login) {
    const bool gone = login.pid == 0 || !facts.exists("/proc/" + std::to_string(login.pid));  // or never was
    if (gone) left.push_back(login.user);
    return gone;
  });
  LoggedIn out{.users = users_of(logins), .last = last_user(logins), .source = std::string(kUtmp)};
  std::erase_if(left, [&](const auto& user) { return std::ranges::find(out.users, user) != out.users.end(); });
  if (left.empty()) return out;
  const auto sessions = by_logind(facts);
  if (!sessions) {
    return fail(ErrorCode::kUnavailable, std::string(kUtmp) + ": the process of a session of " + left.front() +
                                             " is gone, and no logind runs that would know whether it has ended");
  }
  for (const auto& user : sessions->users) {
    if (std::ranges::find(left, user) != left.end()) out.users.push_back(user);
  }
  if (out.last.empty()) out.last = sessions->last;
  return out;
}

}  // namespace

Result<LoggedIn> logged_in(const Facts& facts) {
  const auto records = facts.read(kUtmp, kMaxRecords);
  if (records && is_torn(*records)) return fail(ErrorCode::kInvalidArgument, std::string(kUtmp) + " is cut within a record");
  if (records && kept(facts, *records)) return by_records(facts, parse_logins(*records));
  if (!records && records.error().code != ErrorCode::kNotFound) return fail(records.error());
  auto out = by_logind(facts);
  if (!out && records && out.error().code == ErrorCode::kUnsupported && !facts.foreign())
    return fail(ErrorCode::kUnsupported, "nobody keeps /run/utmp: it does not say that this machine started");
  return out;
}

}  // namespace postern::agent
