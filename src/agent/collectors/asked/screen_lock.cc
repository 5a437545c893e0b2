// screen_lock.enabled and screen_lock.seconds: what the administrator set for everybody, in databases of dconf and in
// KDE's configuration. What people set for themselves lies in databases of their own desktops: so a setting counts only
// where it is locked against that (dconf's locks), or, of KDE, is marked immutable ([$i]), and all that have a say in
// it have to be.
#include <limits>
#include <optional>

#include "agent/collectors/asked.h"
#include "agent/collectors/desktop/dconf.h"
#include "agent/collectors/desktop/kde_screen_lock.h"
#include "posture/fact_keys.h"

namespace postern::agent {
namespace screen_lock_family {
namespace {

namespace keys = posture::keys;
using posture::UnknownReason;

constexpr const char* kKde = "/etc/xdg/kscreenlockerrc";
constexpr std::size_t kMaxConf = 1u << 20;
constexpr const char* kNothingSet = "no screen lock is set for everybody and locked against changes";

/// Where a desktop keeps what decides over its lock.
struct Desktop {
  const char* enabled;
  const char* idle;
  const char* delay;
  const char* never;      // switches locking off altogether
  const char* when_idle;  // whether idleness starts the screensaver; empty: it always does
  int unit;               // of idle and delay, seconds: minutes are "i", seconds "u"
};
constexpr Desktop kDesktops[] = {
    {"/org/gnome/desktop/screensaver/lock-enabled", "/org/gnome/desktop/session/idle-delay",
     "/org/gnome/desktop/screensaver/lock-delay", "/org/gnome/desktop/lockdown/disable-lock-screen", "", 1},
    {"/org/cinnamon/desktop/screensaver/lock-enabled", "/org/cinnamon/desktop/session/idle-delay",
     "/org/cinnamon/desktop/screensaver/lock-delay", "/org/cinnamon/desktop/lockdown/disable-lock-screen",
     "/org/cinnamon/desktop/screensaver/idle-activation-enabled", 1},
    {"/org/mate/screensaver/lock-enabled", "/org/mate/desktop/session/idle-delay", "/org/mate/screensaver/lock-delay",
     "/org/mate/desktop/lockdown/disable-lock-screen", "/org/mate/screensaver/idle-activation-enabled", 60},
};

/// Of another type than the schema's it counts as not set.
std::optional<std::int64_t> span(const LockedSettings& settings, const char* path, int unit) {
  if (unit == 1) return settings.value<std::uint32_t>(path);
  const auto minutes = settings.value<std::int32_t>(path);
  return minutes && *minutes >= 0 ? std::optional(std::int64_t{*minutes} * unit) : std::nullopt;
}

/// What holds on this desktop for everybody. Errors, kUnsupported: nothing is set, or something that has a say is left
/// to whoever sits there, and which one.
Result<ScreenLockSettings> of_desktop(const LockedSettings& settings, const Desktop& desktop) {
  ScreenLockSettings out{.enabled = settings.value<bool>(desktop.enabled),
                         .idle_seconds = span(settings, desktop.idle, desktop.unit),
                         .delay_seconds = span(settings, desktop.delay, desktop.unit)};
  if (!out.enabled && !out.idle_seconds) return fail(ErrorCode::kUnsupported, kNothingSet);
  const bool activates = *desktop.when_idle == '\0' || settings.value<bool>(desktop.when_idle) != false;
  if (out.enabled == false || out.idle_seconds == 0 || settings.value<bool>(desktop.never) == true || !activates)
    return ScreenLockSettings{.enabled = false, .idle_seconds = {}, .delay_seconds = {}};
  for (const auto* path : {desktop.enabled, desktop.idle, desktop.delay, desktop.never, desktop.when_idle}) {
    if (*path != '\0' && !settings.is_locked(path))
      return fail(ErrorCode::kUnsupported, std::string(path) + " is not locked: people may set it for themselves");
  }
  if (!out.enabled || !out.idle_seconds || !out.delay_seconds)
    return fail(ErrorCode::kUnsupported,
                std::string("what is set at ") + desktop.delay + " and its like can't be told");
  return out;
}

bool locks(const ScreenLockSettings& s) { return s.enabled == true && s.idle_seconds != 0; }

/// When at the latest it locks; of one that does not: never.
std::int64_t latest(const ScreenLockSettings& s) {
  return locks(s) ? *s.idle_seconds + *s.delay_seconds : std::numeric_limits<std::int64_t>::max();
}

void know(Facts& facts, const ScreenLockSettings& s, const std::string& source) {
  facts.know(keys::kScreenLock, locks(s), source);
  if (locks(s)) return facts.know(keys::kScreenLockSeconds, latest(s), source);
  facts.unknown(keys::kScreenLockSeconds, UnknownReason::kUnsupported, "the screen does not lock");
}

/// Of KDE, where all that has a say is there and immutable.
Result<ScreenLockSettings> of_kde(const Facts& facts) {
  const auto text = facts.read(kKde, kMaxConf);
  if (!text) return fail(text.error());
  const auto out = parse_kscreenlockerrc(*text);
  if (out.enabled == false || out.idle_seconds == 0) return out;
  if (out.enabled && out.idle_seconds && out.delay_seconds) return out;
  return fail(ErrorCode::kUnsupported,
              std::string(kKde) + ": Autolock, Timeout and LockGrace are not all immutable ([$i])");
}

/// Whoever sits there chooses the desktop: of several that are set the weakest is what holds.
Result<ScreenLockSettings> weakest(const LockedSettings& dconf, const Facts& facts) {
  std::vector<Result<ScreenLockSettings>> all{of_kde(facts)};
  for (const auto& desktop : kDesktops) all.push_back(of_desktop(dconf, desktop));
  Result<ScreenLockSettings> out = fail(ErrorCode::kUnsupported, kNothingSet);
  for (auto& one : all) {
    if (!one && (one.error().code == ErrorCode::kNotFound || one.error().message == kNothingSet)) continue;
    if (!one) return one;
    if (!out || latest(*one) > latest(*out)) out = std::move(one);
  }
  return out;
}

void answer(const Question&, Facts& facts) {
  const auto dconf = read_dconf(facts);
  const auto found = dconf ? weakest(*dconf, facts) : Result<ScreenLockSettings>(fail(dconf.error()));
  if (found) return know(facts, *found, "what is set for everybody");
  for (const auto key : {keys::kScreenLock, keys::kScreenLockSeconds})
    facts.unknown(key, reason_of(found.error()), found.error().message);
}

Triggers triggers(const Question&, const Facts&) {
  Triggers out{.files = {kDconfFiles.begin(), kDconfFiles.end()}};
  out.files.emplace_back(kKde);
  return out;
}

}  // namespace
}  // namespace screen_lock_family

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
