#pragma once
// Which processes run under a name: /proc, read when asked. A process goes by its `comm` and by its program's base
// name.
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

/// Does that process, alive, go by this name? A longer name needs the program's.
bool process_has_name(pid_t pid, std::string_view name);
/// Processes alive that go by each of these names, in the order of `names`; at most `limit` of each.
std::vector<std::vector<pid_t>> find_processes(const std::vector<std::string>& names, std::size_t limit);

}  // namespace postern::agent
