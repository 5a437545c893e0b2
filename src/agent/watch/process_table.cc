#include "agent/watch/process_table.h"

#include <fcntl.h>
#include <unistd.h>

#include <climits>
#include <filesystem>
#include <system_error>

#include "agent/watch/path_trace.h"
#include "base/text.h"

namespace postern::agent {
namespace {

struct Names {
  ProcessStat stat;
  std::string path;  // of the program; empty for kernel threads and where we may not look
};

std::optional<Names> names_of(const std::string& pid) {
  const std::string proc = "/proc/" + pid;
  const int fd = ::open((proc + "/stat").c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return std::nullopt;
  char text[512];
  const auto n = ::read(fd, text, sizeof text);
  ::close(fd);
  if (n <= 0) return std::nullopt;
  auto stat = parse_process_stat(std::string_view(text, static_cast<std::size_t>(n)));
  if (!stat || stat->state == 'Z' || stat->state == 'X') return std::nullopt;
  Names out{std::move(*stat), {}};
  char path[PATH_MAX];
  const auto length = ::readlink((proc + "/exe").c_str(), path, sizeof path);
  if (length > 0) {
    out.path = program_path(std::string_view(path, static_cast<std::size_t>(length)));
  }
  return out;
}

std::string_view base_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

bool goes_by(const Names& names, const ProcessName& wanted) {
  if (!wanted.path.empty()) return names.path == wanted.path || names.path == wanted.name;
  return base_name(names.path) == wanted.name || (wanted.name.size() <= kMaxComm && names.stat.comm == wanted.name);
}

}  // namespace

ProcessName::ProcessName(std::string_view wanted) : name(wanted), program(wanted) {
  if (!wanted.starts_with('/')) return;
  // What is not there yet has a place already.
  const auto trace = trace_path(name);
  path = name;
  if (!trace.steps.empty()) path = (std::filesystem::path(trace.steps.back().first) / trace.steps.back().second).native();
  program = base_name(path);
}

std::string_view program_path(std::string_view exe) {
  constexpr std::string_view kReplaced = " (deleted)";
  if (exe.ends_with(kReplaced)) exe.remove_suffix(kReplaced.size());
  return exe;
}

std::optional<ProcessStat> parse_process_stat(std::string_view stat) {
  const auto open = stat.find('(');
  const auto close = stat.rfind(')');  // a name may have any bytes in it, but nothing behind has a bracket
  if (open == stat.npos || close == stat.npos || close < open || close + 2 >= stat.size() || stat[close + 1] != ' ') {
    return std::nullopt;
  }
  return ProcessStat{std::string(stat.substr(open + 1, close - open - 1)), stat[close + 2]};
}

bool process_has_name(pid_t pid, const ProcessName& name) {
  const auto names = names_of(std::to_string(pid));
  return names && goes_by(*names, name);
}

std::vector<std::vector<pid_t>> find_processes(const std::vector<std::string>& names, std::size_t limit) {
  std::vector<std::vector<pid_t>> out(names.size());
  const std::vector<ProcessName> wanted(names.begin(), names.end());
  std::error_code error;
  for (std::filesystem::directory_iterator it("/proc", error), end; !error && it != end; it.increment(error)) {
    const auto name = it->path().filename().string();
    const auto pid = parse_u64(name);
    if (!pid) continue;
    const auto found = names_of(name);
    if (!found) continue;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      if (out[i].size() < limit && goes_by(*found, wanted[i])) out[i].push_back(static_cast<pid_t>(*pid));
    }
  }
  return out;
}

}  // namespace postern::agent
