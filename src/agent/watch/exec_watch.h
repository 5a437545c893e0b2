#pragma once
// Starts of programs as the kernel opens them: fanotify FAN_OPEN_EXEC on every file system that holds files. Needs
// CAP_SYS_ADMIN.
#include <sys/types.h>

#include <functional>
#include <memory>
#include <set>
#include <string>

#include "base/result.h"
#include "net/loop.h"

namespace postern::agent {

/// Thread: loop.
class ExecWatch {
 public:
  /// The process is about to run (or to interpret) the program of this base name: it may not go by its new name yet.
  using Started = std::function<void(pid_t pid, const std::string& program)>;

  /// Silent until `arm`. Errors: kPermissionDenied, kUnsupported.
  static Result<std::unique_ptr<ExecWatch>> open(net::Loop& loop, Started started);
  ~ExecWatch();
  ExecWatch(const ExecWatch&) = delete;
  ExecWatch& operator=(const ExecWatch&) = delete;

  /// Listens on all file systems there are now; again: on those that came since. Error: none could be listened on.
  Status arm();
  void disarm();
  bool armed() const { return armed_; }

 private:
  ExecWatch(net::Loop& loop, int fd, Started started);
  void read();

  int fd_;
  Started started_;
  std::set<std::string> marked_;
  bool armed_ = false;
  net::Handle handle_;
};

}  // namespace postern::agent
