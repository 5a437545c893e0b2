#include "agent/watch/process_table.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <filesystem>
#include <system_error>

#include "agent/watch/path_trace.h"
#include "base/file.h"
#include "base/text.h"

namespace postern::agent {
namespace {

struct Names {
  ProcessStat stat;
  std::string proc;      // its directory
  std::string path;      // of the program; empty for kernel threads and where we may not look
  bool removed = false;  // from there, or another is there now
};

constexpr std::string_view kRemoved = " (deleted)";

/// Empty: it can't be read.
std::string link_of(const std::string& link) {
  char text[PATH_MAX];
  const auto length = ::readlink(link.c_str(), text, sizeof text);
  return length > 0 ? std::string(text, static_cast<std::size_t>(length)) : std::string();
}

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
  const auto exe = link_of(proc + "/exe");
  return Names{std::move(*stat), proc, std::string(program_path(exe)), exe.ends_with(kRemoved)};
}

std::string_view base_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

/// The file that it runs is at that path here.
bool is_here(const Names& names) {
  struct stat runs {}, here {};
  if (::stat((names.proc + "/exe").c_str(), &runs) != 0) return false;
  if (!names.removed) return ::stat(names.path.c_str(), &here) == 0 && runs.st_dev == here.st_dev && runs.st_ino == here.st_ino;
  const auto mounts = link_of(names.proc + "/ns/mnt");
  if (!mounts.empty() && mounts == link_of("/proc/self/ns/mnt")) return true;
  // Services have mounts of their own, too: of those it was here if nobody but root can have put it onto this file system.
  const auto directory = names.path.substr(0, names.path.rfind('/') + 1);
  return runs.st_uid == 0 && ::stat(directory.c_str(), &here) == 0 && runs.st_dev == here.st_dev;
}

bool goes_by(const Names& names, const ProcessName& wanted) {
  if (!wanted.path.empty()) return (names.path == wanted.path || names.path == wanted.name) && is_here(names);
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
  if (exe.ends_with(kRemoved)) exe.remove_suffix(kRemoved.size());
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

std::optional<uid_t> owner_of(pid_t pid) {
  const auto text = read_file("/proc/" + std::to_string(pid) + "/status", 64u << 10);
  const auto at = text ? text->find("\nUid:") : std::string::npos;
  if (at == std::string::npos) return std::nullopt;
  const auto line = std::string_view(*text).substr(at + 1);
  const auto fields = split(line.substr(0, line.find('\n')), '\t');  // real, effective, …
  const auto uid = fields.size() > 2 ? parse_u64(fields[2]) : std::nullopt;
  return uid ? std::optional(static_cast<uid_t>(*uid)) : std::nullopt;
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

bool root_runs(const std::vector<std::string>& names) {
  constexpr std::size_t kMaxOfAName = 1000;
  return std::ranges::any_of(find_processes(names, kMaxOfAName), [](const std::vector<pid_t>& pids) {
    return std::ranges::any_of(pids, [](pid_t pid) { return owner_of(pid) == uid_t{0}; });
  });
}

}  // namespace postern::agent
