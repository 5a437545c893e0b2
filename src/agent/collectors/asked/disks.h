#pragma once
// The table of mounts. Pure.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace postern::agent {

struct Mount {
  std::string device;      ///< "254:0", as the kernel numbers it.
  std::string root;        ///< Of the file system, what is mounted: "/" but for bind mounts and subvolumes.
  std::string point;       ///< Where.
  std::string type;        ///< "ext4".
  std::string source;      ///< "/dev/mapper/root".
  std::string super;       ///< Options of the file system.
  friend bool operator==(const Mount&, const Mount&) = default;
};

inline constexpr std::size_t kMaxMounts = 10'000;

/// /proc/PID/mountinfo (proc(5)), escapes undone; lines of another form are skipped. Nothing: there are more than
/// kMaxMounts.
std::optional<std::vector<Mount>> parse_mountinfo(std::string_view text);
/// The value of an option in a list joined by commas; empty: it is not there.
std::string mount_option(std::string_view options, std::string_view name);

}  // namespace postern::agent
