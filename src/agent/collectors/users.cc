#include "agent/collectors/collector.h"
#include "agent/collectors/parse.h"
#include "base/file.h"
#include "posture/fact_keys.h"

namespace postern::agent {

namespace keys = posture::keys;
using posture::UnknownReason;

void collect_users(Facts& facts) {
  if (facts.foreign()) {
    facts.unknown(keys::kLoggedInUsers, UnknownReason::kUnsupported, "/run/utmp");
  } else if (const auto utmp = read_file(facts.path("/run/utmp"), 16 << 20)) {
    facts.know(keys::kLoggedInUsers, parse_utmp_users(*utmp), "/run/utmp");
  } else {
    facts.unknown(keys::kLoggedInUsers, UnknownReason::kUnsupported, "/run/utmp");
  }
  const auto wtmp = read_file(facts.path("/var/log/wtmp"), 64 << 20);
  if (wtmp) {
    const auto users = parse_utmp_users(*wtmp);
    facts.text(keys::kLastLoginUser, users.empty() ? std::string() : users.back(), "/var/log/wtmp");
  } else {
    facts.text(keys::kLastLoginUser, wtmp, "/var/log/wtmp");
  }
  facts.unknown(keys::kOwner, UnknownReason::kUnsupported, "agent");
}

}  // namespace postern::agent
