#include "agent/watch/path_trace.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <deque>

#include "base/text.h"

namespace postern::agent {
namespace {

PathTrace::End end_of(int error) {
  if (error == ENOENT || error == ENOTDIR) return PathTrace::End::kMissing;
  if (error == ELOOP) return PathTrace::End::kLoop;
  if (error == EACCES || error == EPERM) return PathTrace::End::kDenied;
  return PathTrace::End::kFailed;
}

void push_front(std::deque<std::string>& parts, std::string_view path) {
  const auto pieces = split(path, '/');
  for (auto it = pieces.rbegin(); it != pieces.rend(); ++it) {
    if (!it->empty() && *it != ".") parts.emplace_front(*it);
  }
}

}  // namespace

PathTrace trace_path(const std::filesystem::path& path) {
  PathTrace out;
  std::deque<std::string> left;
  push_front(left, path.native());
  std::string at = "/";
  int links = 0;
  while (!left.empty()) {
    const auto name = std::move(left.front());
    left.pop_front();
    if (name == "..") {
      at.erase(std::max<std::size_t>(at.rfind('/'), 1));
      continue;
    }
    auto next = at;
    if (next.size() > 1) next += '/';
    next += name;
    out.steps.emplace_back(at, name);
    struct stat st {};
    if (::lstat(next.c_str(), &st) != 0) {
      out.end = end_of(errno);
      return out;
    }
    if (S_ISLNK(st.st_mode)) {
      char target[PATH_MAX];
      const auto n = ::readlink(next.c_str(), target, sizeof target);
      if (n < 0 || ++links > kMaxLinks) {
        out.end = n < 0 ? end_of(errno) : PathTrace::End::kLoop;
        return out;
      }
      const std::string_view to(target, static_cast<std::size_t>(n));
      push_front(left, to);
      if (to.starts_with('/')) at.erase(1);
      continue;
    }
    if (!left.empty() && !S_ISDIR(st.st_mode)) {
      out.end = PathTrace::End::kMissing;
      return out;
    }
    at = next;
    if (left.empty()) {
      out.end = S_ISREG(st.st_mode) ? PathTrace::End::kRegular : PathTrace::End::kOther;
      if (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)) out.target = next;
    }
  }
  return out;
}

std::string_view why_unseen(PathTrace::End end) {
  switch (end) {
    case PathTrace::End::kDenied: return "the agent may not look there";
    case PathTrace::End::kLoop: return "a loop of links";
    case PathTrace::End::kFailed: return "its file system can't be read";
    default: return {};
  }
}

}  // namespace postern::agent
