#pragma once
// When screens lock. Pure.
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace postern::agent {

struct ScreenLockSettings {
  std::optional<bool> enabled;
  std::optional<std::int64_t> idle_seconds;   ///< Until the session counts as idle; 0: never.
  std::optional<std::int64_t> delay_seconds;  ///< From then until it locks.
};

/// One of dconf's databases: what its keyfiles set, and which keys nobody may set for himself.
struct DconfDatabase {
  std::map<std::string, std::string, std::less<>> values;  ///< By whole path: "/org/gnome/desktop/session/idle-delay".
  std::set<std::string, std::less<>> locks;                ///< Such paths.
};
inline constexpr std::size_t kMaxDconfKeys = 65'536;

/// A keyfile of a database. Later ones replace earlier ones; at most kMaxDconfKeys are kept.
void parse_dconf_keyfile(std::string_view text, DconfDatabase& database);
/// A file of its locks: a path a line.
void parse_dconf_locks(std::string_view text, DconfDatabase& database);
/// A profile: the names of its system databases, in its order. Nothing: it has sources of other kinds behind the user's
/// own.
std::optional<std::vector<std::string>> parse_dconf_profile(std::string_view text);

/// What nobody can set otherwise for himself, as dconf finds it: the lock that stands in the last of the databases
/// tells from which one on the first value counts.
class LockedSettings {
 public:
  explicit LockedSettings(std::vector<DconfDatabase> databases) : databases_(std::move(databases)) {}
  bool is_locked(std::string_view path) const { return locked_in(path) < databases_.size(); }
  /// Empty: it is not locked, or nobody set it.
  std::string value(std::string_view path) const;

 private:
  std::size_t locked_in(std::string_view path) const;
  std::vector<DconfDatabase> databases_;
};

/// KDE's kscreenlockerrc: [Daemon] Autolock, Timeout (minutes), LockGrace (seconds), those that are marked immutable
/// ([$i]) by the file, their group, or each on its own.
ScreenLockSettings parse_kscreenlockerrc(std::string_view text);

}  // namespace postern::agent
