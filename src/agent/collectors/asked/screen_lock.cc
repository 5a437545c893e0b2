// screen_lock.enabled and screen_lock.seconds: what the administrator set for everybody, in keyfiles of dconf and in KDE's
// configuration. What people set for themselves lies in databases of their own desktops and counts only where the
// administrator's setting is locked against that (dconf's locks), or, of KDE, is marked immutable ([$i]).
#include "agent/collectors/asked/screen_lock.h"

#include <algorithm>
#include <limits>
#include <set>

#include "agent/collectors/asked.h"
#include "agent/collectors/listing.h"
#include "base/text.h"
#include "posture/fact_keys.h"

namespace postern::agent {
namespace screen_lock_family {
namespace {

namespace keys = posture::keys;
using posture::UnknownReason;

constexpr const char* kDconf = "/etc/dconf/db/local.d";
constexpr const char* kLocks = "/etc/dconf/db/local.d/locks";
constexpr const char* kKde = "/etc/xdg/kscreenlockerrc";
constexpr std::size_t kMaxConf = 1u << 20;
constexpr const char* kDesktops[] = {"gnome", "cinnamon", "mate"};

/// Calls `take` with section, key and value of each line.
template <class Take>
void each_setting(std::string_view text, Take take) {
  std::string_view section;
  for (const auto raw : split(text, '\n')) {
    const auto line = trim(raw);
    if (line.empty() || line.starts_with('#') || line.starts_with(';')) continue;
    if (line.starts_with('[')) {
      section = line.substr(1, line.find(']') - 1);
      continue;
    }
    const auto equals = line.find('=');
    if (equals == line.npos) continue;
    take(section, trim(line.substr(0, equals)), trim(line.substr(equals + 1)));
  }
}

std::optional<bool> flag(std::string_view value) {
  const auto text = to_lower(value);
  if (text == "true" || text == "1") return true;
  if (text == "false" || text == "0") return false;
  return std::nullopt;
}

/// "uint32 300" or "300".
std::optional<std::int64_t> number(std::string_view value) {
  const auto digits = value.substr(value.rfind(' ') + 1);  // npos + 1 is 0
  const auto n = parse_u64(digits);
  if (!n || *n > std::numeric_limits<std::int32_t>::max()) return std::nullopt;
  return static_cast<std::int64_t>(*n);
}

bool locked(const Facts& facts) {
  std::set<std::string, std::less<>> all;
  for (const auto& name : names_in(facts, kLocks)) {
    const auto text = facts.read(std::string(kLocks) + "/" + name, kMaxConf);
    if (!text) continue;
    for (const auto line : split(*text, '\n')) all.emplace(trim(line));
  }
  return std::ranges::any_of(kDesktops, [&](const char* desktop) {
    const auto base = "/org/" + std::string(desktop) + "/desktop/";
    return all.contains(base + "screensaver/lock-enabled") && all.contains(base + "session/idle-delay");
  });
}

void know(Facts& facts, const ScreenLockSettings& s, const std::string& source) {
  const auto idle = s.idle_seconds;
  const bool on = s.enabled.value_or(true) && (!idle || *idle > 0);
  facts.know(keys::kScreenLock, on, source);
  if (!on || !idle) {
    facts.unknown(keys::kScreenLockSeconds, UnknownReason::kUnsupported, on ? source : "the screen does not lock");
  } else {
    facts.know(keys::kScreenLockSeconds, *idle + s.delay_seconds.value_or(0), source);
  }
}

void answer(const Question&, Facts& facts) {
  ScreenLockSettings dconf;
  for (const auto& name : names_in(facts, kDconf)) {
    const auto path = std::string(kDconf) + "/" + name;
    if (const auto text = facts.read(path, kMaxConf)) parse_dconf_keyfile(*text, dconf);
  }
  if (dconf.enabled && dconf.idle_seconds && locked(facts)) return know(facts, dconf, kDconf);
  if (const auto text = facts.read(kKde, kMaxConf)) {
    ScreenLockSettings kde;
    parse_kscreenlockerrc(*text, kde);
    const bool fixed = text->find("[Daemon][$i]") != text->npos || text->starts_with("[$i]");
    if (fixed && kde.enabled && kde.idle_seconds) return know(facts, kde, kKde);
  }
  const char* why = "no screen lock is set for everybody and locked against changes";
  facts.unknown(keys::kScreenLock, UnknownReason::kUnsupported, why);
  facts.unknown(keys::kScreenLockSeconds, UnknownReason::kUnsupported, why);
}

Triggers triggers(const Question&, const Facts&) { return {.files = {kDconf, kLocks, kKde}}; }

}  // namespace
}  // namespace screen_lock_family

void parse_dconf_keyfile(std::string_view text, ScreenLockSettings& settings) {
  using namespace screen_lock_family;
  each_setting(text, [&](std::string_view section, std::string_view key, std::string_view value) {
    for (const auto* desktop : kDesktops) {
      const auto base = "org/" + std::string(desktop) + "/desktop/";
      if (section == base + "screensaver" && key == "lock-enabled") settings.enabled = flag(value);
      if (section == base + "screensaver" && key == "lock-delay") settings.delay_seconds = number(value);
      if (section == base + "session" && key == "idle-delay") settings.idle_seconds = number(value);
    }
  });
}

void parse_kscreenlockerrc(std::string_view text, ScreenLockSettings& settings) {
  using namespace screen_lock_family;
  each_setting(text, [&](std::string_view section, std::string_view key, std::string_view value) {
    if (section != "Daemon") return;
    key = key.substr(0, key.find('['));  // "Autolock[$i]"
    if (key == "Autolock") settings.enabled = flag(value);
    if (key == "LockGrace") settings.delay_seconds = number(value);
    if (key != "Timeout") return;
    const auto minutes = number(value);
    settings.idle_seconds = minutes ? std::optional(*minutes * 60) : std::nullopt;
  });
}

namespace asked {
const AskedFamily& screen_lock() {
  namespace keys = posture::keys;
  static const AskedFamily kFamily{.name = "screen lock",
                                   .keys = {keys::kScreenLock, keys::kScreenLockSeconds},
                                   .answer = screen_lock_family::answer,
                                   .triggers = screen_lock_family::triggers};
  return kFamily;
}
}  // namespace asked

}  // namespace postern::agent
