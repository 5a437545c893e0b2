#pragma once
// Tells when what a path leads to may have changed: inotify on every directory of the way, so that components may come
// later. File systems of which the kernel sends no events (network, /proc) and lost watches are covered by `recheck`.
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "agent/watch/path_trace.h"
#include "base/result.h"
#include "net/loop.h"

namespace postern::agent {

enum class PathWatchKind {
  kExistence,  ///< What it leads to: appears, disappears, is replaced, changes its rights.
  kContent,    ///< And what is in the file; of a directory, its entries and what is written to them.
};

/// Thread: loop.
class PathWatch {
 public:
  using Changed = std::function<void(const PathTrace&)>;

  /// Errors: kResourceExhausted (no inotify instance left), kUnsupported.
  static Result<std::unique_ptr<PathWatch>> open(net::Loop& loop);
  ~PathWatch();
  PathWatch(const PathWatch&) = delete;
  PathWatch& operator=(const PathWatch&) = delete;

  /// `changed` is called on each change, never inside this call; the state as of now is returned. Replaces an earlier
  /// watch of this path.
  PathTrace watch(const std::string& path, PathWatchKind kind, Changed changed);
  void forget(const std::string& path);
  /// Looks again at every path, whether events came or not, and calls for those that lead elsewhere now.
  void recheck();
  /// Every watched path is covered by events; if not, the limit of inotify watches is reached: `recheck` each second.
  bool complete() const { return uncovered_.empty(); }
  std::size_t size() const { return watched_.size(); }

 private:
  struct Watched {
    PathWatchKind kind;
    Changed changed;
    PathTrace trace;
  };
  struct Directory {
    int wd = -1;
    std::set<std::string> paths;  // watched paths whose way leads through it
    enum class Kind { kWay, kListing, kFile } kind = Kind::kWay;  // a directory on the way, one for its entries, a file
  };

  PathWatch(net::Loop& loop, int fd);
  void read();
  PathTrace follow(const std::string& path, Watched& watched);
  void tell(const std::set<std::string>& paths, bool anew);
  bool covered(const std::string& path, const PathTrace& trace, PathWatchKind kind) const;
  void cover(const std::string& path, const PathTrace& trace, PathWatchKind kind);
  void uncover(const std::string& path);
  bool add(const std::string& place, const std::string& path, Directory::Kind kind);
  static std::uint32_t mask_of(Directory::Kind kind);

  int fd_;
  net::Handle handle_;
  std::map<std::string, Watched> watched_;
  std::map<std::string, Directory> places_;  // by name of directory or file
  std::map<int, std::set<std::string>> by_wd_;  // two names may be one inode
  std::set<std::string> uncovered_;
};

}  // namespace postern::agent
