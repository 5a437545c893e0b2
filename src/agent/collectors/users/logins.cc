#include "agent/collectors/users/logins.h"

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
  // What is in memory is of this start whatever the clock said then: without a clock of its own a machine starts long ago.
  if (in_memory(facts, kUtmp)) return true;
  const auto start = started_at(facts);
  return start && from_unix_ms(*written * 1000) + kStartSlack >= *start;
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

}  // namespace

Result<LoggedIn> logged_in(const Facts& facts) {
  const auto records = facts.read(kUtmp, kMaxRecords);
  if (records && kept(facts, *records)) {
    const auto logins = parse_logins(*records);
    return LoggedIn{.users = users_of(logins), .last = last_user(logins), .source = std::string(kUtmp)};
  }
  if (!records && records.error().code != ErrorCode::kNotFound) return fail(records.error());
  auto out = by_logind(facts);
  if (!out && records && out.error().code == ErrorCode::kUnsupported && !facts.foreign())
    return fail(ErrorCode::kUnsupported, "nobody keeps /run/utmp: it does not say that this machine started");
  return out;
}

}  // namespace postern::agent
