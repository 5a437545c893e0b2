#include "agent/collectors/users/users.h"

#include "agent/collectors/users/utmp.h"
#include "posture/fact_keys.h"

namespace postern::agent {

namespace keys = posture::keys;
using posture::UnknownReason;

namespace {

constexpr const char* kNow = "/run/utmp";
constexpr const char* kEver = "/var/log/wtmp";

Result<std::string> read_now(const Facts& facts) { return facts.read(kNow, 16u << 20); }
Result<std::string> read_ever(const Facts& facts) { return facts.read(kEver, 64u << 20); }

}  // namespace

void collect_users(Facts& facts) {
  if (facts.foreign()) {
    facts.unknown(keys::kLoggedInUsers, UnknownReason::kUnsupported, kForeignRoot);
  } else if (const auto utmp = read_now(facts)) {
    facts.know(keys::kLoggedInUsers, users_of(parse_logins(*utmp)), kNow);
  } else {
    facts.unknown(keys::kLoggedInUsers, reason_of(utmp.error()), kNow);
  }
  facts.text(keys::kLastLoginUser,
             read_ever(facts).map([](const std::string& text) { return last_user(parse_logins(text)); }), kEver);
  // Linux has no place where a machine's owner stands.
  facts.unknown(keys::kOwner, UnknownReason::kUnsupported, "agent");
}

Result<std::string> present_user(const Facts& facts) {
  if (!facts.foreign()) {
    if (const auto utmp = read_now(facts)) {
      if (auto user = last_user(parse_logins(*utmp)); !user.empty()) return user;
    }
  }
  return read_ever(facts).map([](const std::string& text) { return last_user(parse_logins(text)); });
}

}  // namespace postern::agent
