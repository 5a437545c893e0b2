#pragma once
// Which processes run under a name: /proc, read when asked. A process goes by its `comm`, by its program's base name,
// and by its program's path, if that is the file which is there for the agent too: in a mount namespace of their own people can
// have anything under any path.
#include <sys/types.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace postern::agent {

/// Pure: "123 (a) b) S …" of /proc/PID/stat. Nothing for a process that has ended and waits for its parent.
struct ProcessStat {
  std::string comm;
  char state = '?';
};
std::optional<ProcessStat> parse_process_stat(std::string_view stat);

/// Bytes that the kernel keeps of a `comm`.
inline constexpr std::size_t kMaxComm = 15;

/// A name that is looked for: a plain one, or an absolute path, of which links are followed.
struct ProcessName {
  explicit ProcessName(std::string_view name);
  std::string name;
  std::string path;     ///< Where a path leads to now; empty for a plain name.
  std::string program;  ///< Base name of what a process of this name runs; for a plain name that name.
};

/// Who it runs as, effectively; nothing: it has ended. Not the owner of /proc/PID, which anybody can make root's.
std::optional<uid_t> owner_of(pid_t pid);

/// Does a process of one of these names run as root? For what an interpreter runs, or lies at different paths: anybody else can
/// have a process of that name.
bool root_runs(const std::vector<std::string>& names);

/// A path of /proc/PID/exe as it was before an upgrade replaced the program: without " (deleted)".
std::string_view program_path(std::string_view exe);

/// Does that process, alive, go by this name? A longer name needs the program's.
bool process_has_name(pid_t pid, const ProcessName& name);
/// Processes alive that go by each of these names, in the order of `names`; at most `limit` of each.
std::vector<std::vector<pid_t>> find_processes(const std::vector<std::string>& names, std::size_t limit);

}  // namespace postern::agent
