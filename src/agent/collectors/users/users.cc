#include "agent/collectors/users/users.h"

#include "agent/collectors/users/utmp.h"
#include "posture/fact_keys.h"

namespace postern::agent {

namespace keys = posture::keys;
using posture::UnknownReason;

void collect_users(Facts& facts) {
  constexpr const char* kNow = "/run/utmp";
  constexpr const char* kEver = "/var/log/wtmp";
  if (facts.foreign()) {
    facts.unknown(keys::kLoggedInUsers, UnknownReason::kUnsupported, "another root file system");
  } else if (const auto utmp = facts.read(kNow, 16u << 20)) {
    facts.know(keys::kLoggedInUsers, users_of(parse_logins(*utmp)), kNow);
  } else {
    facts.unknown(keys::kLoggedInUsers, reason_of(utmp.error()), kNow);
  }
  facts.text(keys::kLastLoginUser,
             facts.read(kEver, 64u << 20).map([](const std::string& text) { return last_user(parse_logins(text)); }), kEver);
  // Linux has no place where a machine's owner stands.
  facts.unknown(keys::kOwner, UnknownReason::kUnsupported, "agent");
}

}  // namespace postern::agent
