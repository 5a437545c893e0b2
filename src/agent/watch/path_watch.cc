#include "agent/watch/path_watch.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/file.h"

namespace postern::agent {
namespace {

constexpr std::uint32_t kDirectoryEvents =
    IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR |
    IN_MASK_ADD;  // another name of this directory may want more of it
constexpr std::uint32_t kListingEvents = kDirectoryEvents | IN_CLOSE_WRITE;
constexpr std::uint32_t kFileEvents = IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF;
constexpr int kSettleAttempts = 8;

}  // namespace

Result<std::unique_ptr<PathWatch>> PathWatch::open(net::Loop& loop) {
  const int fd = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (fd < 0) return fail(errno_error(errno, "opening", "inotify"));
  return std::unique_ptr<PathWatch>(new PathWatch(loop, fd));
}

PathWatch::PathWatch(net::Loop& loop, int fd) : fd_(fd) {
  handle_ = loop.watch_readable(fd, [this] { read(); });
}

PathWatch::~PathWatch() {
  handle_.cancel();
  ::close(fd_);
}

std::uint32_t PathWatch::mask_of(Directory::Kind kind) {
  switch (kind) {
    case Directory::Kind::kWay: return kDirectoryEvents;
    case Directory::Kind::kListing: return kListingEvents;
    case Directory::Kind::kFile: break;
  }
  return kFileEvents;
}

bool PathWatch::add(const std::string& place, const std::string& path, Directory::Kind kind) {
  auto it = places_.find(place);
  // A directory that was only on somebody's way: its inode keeps its number and gets the wider mask.
  const bool more = it != places_.end() && kind == Directory::Kind::kListing && it->second.kind == Directory::Kind::kWay;
  if (more && ::inotify_add_watch(fd_, place.c_str(), mask_of(kind)) == it->second.wd) it->second.kind = kind;
  if (it == places_.end()) {
    const int wd = ::inotify_add_watch(fd_, place.c_str(), mask_of(kind));
    // A directory that we may not read sends no events, nor does one that went away meanwhile (the next trace shows
    // it).
    if (wd < 0) return errno == ENOENT || errno == ENOTDIR;
    it = places_.emplace(place, Directory{wd, {}, kind}).first;
    by_wd_[wd].insert(place);
  }
  it->second.paths.insert(path);
  return true;
}

void PathWatch::uncover(const std::string& path) {
  for (auto it = places_.begin(); it != places_.end();) {
    auto& [place, directory] = *it;
    if (directory.paths.erase(path) == 0 || !directory.paths.empty()) {
      ++it;
      continue;
    }
    auto& names = by_wd_[directory.wd];
    names.erase(place);
    if (names.empty()) {
      ::inotify_rm_watch(fd_, directory.wd);
      by_wd_.erase(directory.wd);
    }
    it = places_.erase(it);
  }
}

bool PathWatch::covered(const std::string& path, const PathTrace& trace, PathWatchKind kind) const {
  const auto holds = [&](const std::string& place) {
    const auto it = places_.find(place);
    return it != places_.end() && it->second.paths.contains(path);
  };
  return !uncovered_.contains(path) &&
         std::ranges::all_of(trace.steps, holds, &std::pair<std::string, std::string>::first) &&
         (kind == PathWatchKind::kExistence || trace.target.empty() || holds(trace.target));
}

void PathWatch::cover(const std::string& path, const PathTrace& trace, PathWatchKind kind) {
  uncovered_.erase(path);
  bool all = true;
  for (const auto& [directory, name] : trace.steps) all = add(directory, path, Directory::Kind::kWay) && all;
  if (kind == PathWatchKind::kContent && !trace.target.empty()) {
    const bool file = trace.end == PathTrace::End::kRegular;
    all = add(trace.target, path, file ? Directory::Kind::kFile : Directory::Kind::kListing) && all;
  }
  if (!all) uncovered_.insert(path);
}

PathTrace PathWatch::follow(const std::string& path, Watched& watched) {
  auto trace = trace_path(path);
  if (trace != watched.trace || !covered(path, trace, watched.kind)) {
    for (int attempt = 0; attempt < kSettleAttempts; ++attempt) {
      uncover(path);
      cover(path, trace, watched.kind);
      // What changed before the watch was there sent no event: look again until nothing did.
      auto again = trace_path(path);
      if (again == trace) break;
      trace = std::move(again);
    }
  }
  watched.trace = trace;
  return trace;
}

PathTrace PathWatch::watch(const std::string& path, PathWatchKind kind, Changed changed) {
  auto& watched = watched_[path];
  watched.kind = kind;
  watched.changed = std::move(changed);
  return follow(path, watched);
}

void PathWatch::forget(const std::string& path) {
  watched_.erase(path);
  uncovered_.erase(path);
  uncover(path);
}

void PathWatch::read() {
  std::set<std::string> touched;
  bool moved = false;  // a watch may stand for another place than its name says
  alignas(inotify_event) char buffer[16384];
  for (;;) {
    const auto n = ::read(fd_, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    for (const char* at = buffer; at < buffer + n;) {
      inotify_event event;
      std::memcpy(&event, at, sizeof event);
      const std::string name(at + sizeof event, ::strnlen(at + sizeof event, event.len));
      at += sizeof event + event.len;
      if ((event.mask & IN_Q_OVERFLOW) != 0) {
        moved = true;
        for (const auto& [path, watched] : watched_) touched.insert(path);
        continue;
      }
      const auto it = by_wd_.find(event.wd);
      if (it == by_wd_.end()) continue;
      for (const auto& place : it->second) {
        const auto& directory = places_.at(place);
        for (const auto& path : directory.paths) {
          const auto& trace = watched_.at(path).trace;
          const auto& steps = trace.steps;
          if (trace.target != place && !name.empty() && std::ranges::find(steps, std::pair(place, name)) == steps.end())
            continue;
          touched.insert(path);
          moved = moved || (event.mask & ~(IN_CREATE | IN_ATTRIB | IN_MODIFY | IN_CLOSE_WRITE | IN_ISDIR)) != 0;
        }
      }
      if ((event.mask & IN_IGNORED) != 0) {
        for (const auto& place : it->second) places_.erase(place);
        by_wd_.erase(it);
      }
    }
  }
  tell(touched, moved);
}

void PathWatch::tell(const std::set<std::string>& paths, bool anew) {
  if (anew) {
    for (const auto& path : paths) uncover(path);
  }
  for (const auto& path : paths) {
    const auto it = watched_.find(path);
    if (it == watched_.end()) continue;  // forgotten by a callback before
    const auto trace = follow(path, it->second);
    const auto call = it->second.changed;
    call(trace);
  }
}

void PathWatch::recheck() {
  std::set<std::string> elsewhere;
  for (const auto& [place, directory] : places_) {
    // The same inode gives the same number; another one is a directory that something was mounted over.
    const int wd = ::inotify_add_watch(fd_, place.c_str(), mask_of(directory.kind));
    if (wd == directory.wd) continue;
    if (wd >= 0 && !by_wd_.contains(wd)) ::inotify_rm_watch(fd_, wd);
    elsewhere.insert(directory.paths.begin(), directory.paths.end());
  }
  for (const auto& [path, watched] : watched_) {
    if (uncovered_.contains(path) || trace_path(path) != watched.trace) elsewhere.insert(path);
  }
  tell(elsewhere, true);
}

}  // namespace postern::agent
