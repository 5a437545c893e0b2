// screen_lock.enabled and screen_lock.seconds: what the administrator set for everybody, in keyfiles of dconf and in
// KDE's configuration. What people set for themselves lies in databases of their own desktops: so a setting counts only
// where it is locked against that (dconf's locks), or, of KDE, is marked immutable ([$i]), and all that have a say in
// it have to be.
#include "agent/collectors/asked/screen_lock.h"

#include <sys/stat.h>

#include <algorithm>
#include <iterator>
#include <limits>

#include "agent/collectors/asked.h"
#include "agent/collectors/listing.h"
#include "base/text.h"
#include "posture/fact_keys.h"

namespace postern::agent {
namespace screen_lock_family {
namespace {

namespace keys = posture::keys;
using posture::UnknownReason;

constexpr const char* kProfiles[] = {"/etc/dconf/profile/user", "/usr/share/dconf/profile/user"};
constexpr const char* kDatabases = "/etc/dconf/db/";
constexpr const char* kUsual =
    "/etc/dconf/db/local.d";  // for events: of other databases a change is seen with the next one
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
  int unit;               // of idle and delay, seconds
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

/// Lines without comments, trimmed.
template <class Take>
void each_line(std::string_view text, Take take) {
  for (const auto raw : split(text, '\n')) {
    const auto line = trim(raw);
    if (!line.empty() && !line.starts_with('#')) take(line);
  }
}

std::optional<bool> flag(std::string_view value) {
  const auto text = to_lower(value);
  if (text == "true" || text == "1") return true;
  if (text == "false" || text == "0") return false;
  return std::nullopt;
}

std::optional<std::int64_t> number(std::string_view digits, int unit) {
  const auto n = parse_u64(digits);
  if (!n || *n > std::numeric_limits<std::int32_t>::max()) return std::nullopt;
  return static_cast<std::int64_t>(*n) * unit;
}

/// Of dconf seconds are "uint32 300", and minutes (of MATE) "5": what has another type than its schema has counts as not set.
std::optional<std::int64_t> span(std::string_view value, int unit) {
  constexpr std::string_view kType = "uint32 ";
  const bool typed = value.starts_with(kType);
  if (typed != (unit == 1)) return std::nullopt;
  return number(typed ? trim(value.substr(kType.size())) : value, unit);
}

/// All zero where it can't be had.
struct stat status_of(const Facts& facts, const std::string& path) {
  struct stat out {};
  if (::stat(facts.path(path).c_str(), &out) != 0) out = {};
  return out;
}

/// Reads the files of a directory that dconf would compile into `compiled`. What it did not compile yet is not in force.
Status read_sources(const Facts& facts, const std::string& directory, const std::string& compiled,
                    void (*parse)(std::string_view, DconfDatabase&), DconfDatabase& database) {
  const auto names = list_directory(facts, directory);
  if (!names) return names.error().code == ErrorCode::kNotFound ? Status() : fail(names.error());
  for (const auto& name : *names) {
    const auto path = directory + "/" + name;
    const auto status = status_of(facts, path);
    if (S_ISDIR(status.st_mode) || name.starts_with('.')) continue;
    const auto text = facts.read(path, kMaxConf);
    if (!text) return fail(text.error());
    if (status.st_mtim.tv_sec > status_of(facts, compiled).st_mtim.tv_sec)
      return fail(ErrorCode::kUnsupported, path + " is newer than " + compiled + ": \"dconf update\" was not run since");
    parse(*text, database);
  }
  return {};
}

Result<LockedSettings> read_dconf(const Facts& facts) {
  std::optional<std::vector<std::string>> names;
  for (const auto* profile : kProfiles) {
    const auto text = facts.read(profile, kMaxConf);
    if (!text && text.error().code == ErrorCode::kNotFound) continue;
    if (!text) return fail(text.error());
    names = parse_dconf_profile(*text);
    if (!names) return fail(ErrorCode::kUnsupported, std::string(profile) + " has sources that can't be read");
    break;
  }
  std::vector<DconfDatabase> databases;
  for (const auto& name : names.value_or(std::vector<std::string>())) {
    const auto compiled = kDatabases + name, sources = compiled + ".d";
    auto& database = databases.emplace_back();
    if (auto read = read_sources(facts, sources, compiled, parse_dconf_keyfile, database); !read)
      return fail(read.error());
    if (auto read = read_sources(facts, sources + "/locks", compiled, parse_dconf_locks, database); !read)
      return fail(read.error());
  }
  return LockedSettings(std::move(databases));
}

/// What holds on this desktop for everybody. Errors, kUnsupported: nothing is set, or something that has a say is left
/// to whoever sits there, and which one.
Result<ScreenLockSettings> of_desktop(const LockedSettings& settings, const Desktop& desktop) {
  ScreenLockSettings out{.enabled = flag(settings.value(desktop.enabled)),
                         .idle_seconds = span(settings.value(desktop.idle), desktop.unit),
                         .delay_seconds = span(settings.value(desktop.delay), desktop.unit)};
  if (!out.enabled && !out.idle_seconds) return fail(ErrorCode::kUnsupported, kNothingSet);
  const bool activates = *desktop.when_idle == '\0' || flag(settings.value(desktop.when_idle)) != false;
  if (out.enabled == false || out.idle_seconds == 0 || flag(settings.value(desktop.never)) == true || !activates)
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
  return {.files = {kProfiles[0], "/etc/dconf/db", kUsual, std::string(kUsual) + "/locks", kKde}};
}

}  // namespace
}  // namespace screen_lock_family

void parse_dconf_keyfile(std::string_view text, DconfDatabase& database) {
  std::string_view group;
  screen_lock_family::each_line(text, [&](std::string_view line) {
    if (line.starts_with('[')) {
      group = line.substr(1, line.find(']') - 1);
      return;
    }
    const auto equals = line.find('=');
    if (equals == line.npos || group.empty()) return;
    auto path = "/" + std::string(group) + "/" + std::string(trim(line.substr(0, equals)));
    if (database.values.size() < kMaxDconfKeys || database.values.contains(path))
      database.values[std::move(path)] = std::string(trim(line.substr(equals + 1)));
  });
}

void parse_dconf_locks(std::string_view text, DconfDatabase& database) {
  // As they stand: dconf takes a blank or a CR for a part of the key.
  for (const auto line : split(text, '\n')) {
    if (line.starts_with('/') && database.locks.size() < kMaxDconfKeys) database.locks.emplace(line);
  }
}

std::optional<std::vector<std::string>> parse_dconf_profile(std::string_view text) {
  constexpr std::string_view kSystem = "system-db:";
  constexpr std::size_t kMaxDatabases = 64;
  std::vector<std::string> out;
  bool first = true, readable = true;
  screen_lock_family::each_line(text, [&](std::string_view line) {
    line = trim(line.substr(0, line.find('#')));
    const auto name = line.starts_with(kSystem) ? line.substr(kSystem.size()) : std::string_view();
    const bool plain =
        !name.empty() && name.find('/') == name.npos && !name.starts_with('.') && out.size() < kMaxDatabases;
    // The user's own stands first.
    if (plain) out.emplace_back(name);
    if (!plain && !first) readable = false;
    first = false;
  });
  return readable ? std::optional(std::move(out)) : std::nullopt;
}

std::size_t LockedSettings::locked_in(std::string_view path) const {
  for (auto i = databases_.size(); i > 0; --i) {
    if (databases_[i - 1].locks.contains(path)) return i - 1;
  }
  return databases_.size();
}

std::string LockedSettings::value(std::string_view path) const {
  for (auto i = locked_in(path); i < databases_.size(); ++i) {
    const auto it = databases_[i].values.find(path);
    if (it != databases_[i].values.end()) return it->second;
  }
  return {};
}

ScreenLockSettings parse_kscreenlockerrc(std::string_view text) {
  using screen_lock_family::flag, screen_lock_family::number;
  constexpr std::string_view kImmutable = "[$i]";
  ScreenLockSettings out;
  bool file = false, group = false, daemon = false;
  screen_lock_family::each_line(text, [&](std::string_view line) {
    if (line == kImmutable) {
      file = true;
    } else if (line.starts_with('[')) {
      daemon = line == "[Daemon]" || line == "[Daemon][$i]";
      group = line.ends_with(kImmutable);
    }
    const auto equals = line.find('=');
    if (line.starts_with('[') || equals == line.npos || !daemon) return;
    auto key = trim(line.substr(0, equals));
    const bool own = key.ends_with(kImmutable);
    if (own) key.remove_suffix(kImmutable.size());
    if (!file && !group && !own) return;
    const auto value = trim(line.substr(equals + 1));
    if (key == "Autolock") out.enabled = flag(value);
    if (key == "LockGrace") out.delay_seconds = number(value, 1);
    if (key == "Timeout") out.idle_seconds = number(value, 60);
  });
  return out;
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
