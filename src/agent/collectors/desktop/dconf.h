#pragma once
// What dconf has in force for everybody, by its compiled databases: keyfiles that are not compiled set nothing.
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "agent/collectors/collector.h"
#include "agent/collectors/desktop/gvdb.h"

namespace postern::agent {

/// A profile: the names of its system databases, in its order. Nothing: it has sources of other kinds behind the user's
/// own, or more than sixteen. Pure.
std::optional<std::vector<std::string>> parse_dconf_profile(std::string_view text);
/// Is the variable set in a file such as /etc/environment, with which sessions may begin? Pure.
bool sets_dconf_profile(std::string_view environment);

/// What nobody can set otherwise for himself, as dconf finds it: the lock that stands in the last of the databases
/// tells from which one on the first value counts.
class LockedSettings {
 public:
  /// In the profile's order.
  explicit LockedSettings(const std::vector<GvdbTable>& databases);

  /// By whole path: "/org/gnome/desktop/session/idle-delay".
  bool is_locked(std::string_view path) const { return locked_in(path) < databases_.size(); }
  /// Nothing: it is not locked, nobody set it, or what counts is of another type, with which its schema's default is in
  /// force.
  template <class T>
  std::optional<T> value(std::string_view path) const {
    const auto found = first_value(path);
    const auto* typed = found ? std::get_if<T>(&*found) : nullptr;
    return typed == nullptr ? std::nullopt : std::optional<T>(*typed);
  }

 private:
  struct Database {
    GvdbTable values;
    std::optional<GvdbTable> locks;
  };
  std::size_t locked_in(std::string_view path) const;
  std::optional<GvdbValue> first_value(std::string_view path) const;
  std::vector<Database> databases_;
};

/// The databases of the profile that sessions have of which nobody says otherwise; one that is not there is passed
/// over, as dconf does. Errors: kDataLoss (a damaged one, named), kUnsupported (sessions may have another profile, or
/// sources that can't be read), those of reading files.
Result<LockedSettings> read_dconf(const Facts& facts);
/// What it reads; events tell of what is written in the directories too.
inline constexpr std::array<std::string_view, 6> kDconfFiles{"/etc/dconf/profile/user",
                                                             "/usr/local/share/dconf/profile/user",
                                                             "/usr/share/dconf/profile/user",
                                                             "/etc/dconf/db",
                                                             "/etc/environment",
                                                             "/run/dconf/user"};

}  // namespace postern::agent
