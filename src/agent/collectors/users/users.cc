#include "agent/collectors/users/users.h"

#include "agent/collectors/kept.h"
#include "agent/collectors/users/logins.h"
#include "agent/collectors/users/utmp.h"
#include "posture/fact_keys.h"

namespace postern::agent {

namespace keys = posture::keys;
using posture::UnknownReason;

namespace {

constexpr const char* kEver = "/var/log/wtmp";

/// Who logged in last of all; empty: nobody did. A log of which nothing is newer than this machine's start is one that is not
/// written any more: not even the start stands in it. Of another root it says who was the last while that ran.
Result<std::string> last_of_all(const Facts& facts) {
  const auto records = facts.read(kEver, 64u << 20);
  if (!records) return fail(records.error());
  auto user = last_user(parse_logins(*records));
  if (facts.foreign() || user.empty()) return user;
  const auto newest = newest_record_at(*records);
  const auto start = started_at(facts);
  if (newest && start && from_unix_ms(*newest * 1000) + kStartSlack >= *start) return user;
  return fail(ErrorCode::kUnsupported, "nobody keeps /var/log/wtmp: nothing in it is of this start of the machine");
}

}  // namespace

void collect_users(Facts& facts) {
  if (facts.foreign()) {
    facts.unknown(keys::kLoggedInUsers, UnknownReason::kUnsupported, kForeignRoot);
  } else if (auto now = logged_in(facts)) {
    facts.know(keys::kLoggedInUsers, std::move(now->users), now->source);
  } else {
    facts.unknown(keys::kLoggedInUsers, reason_of(now.error()), now.error().message);
  }
  const auto last = last_of_all(facts);
  const bool kept = last || last.error().code != ErrorCode::kUnsupported;
  facts.text(keys::kLastLoginUser, last, kept ? kEver : last.error().message);
  // Linux has no place where a machine's owner stands.
  facts.unknown(keys::kOwner, UnknownReason::kUnsupported, "agent");
}

Result<std::string> present_user(const Facts& facts) {
  if (!facts.foreign()) {
    if (const auto now = logged_in(facts); now && !now->last.empty()) return now->last;
  }
  return last_of_all(facts);
}

}  // namespace postern::agent
