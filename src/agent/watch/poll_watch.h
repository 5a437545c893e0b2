#pragma once
// Files of /proc that the kernel marks by POLLPRI when they change: the host name, the table of mounts.
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "net/loop.h"

namespace postern::agent {

inline constexpr const char* kHostNameFile = "/proc/sys/kernel/hostname";
inline constexpr const char* kMountsFile = "/proc/self/mountinfo";

/// Thread: loop.
class PollWatch {
 public:
  /// Errors: those of opening the file; kUnsupported when it can't be polled.
  static Result<std::unique_ptr<PollWatch>> open(net::Loop& loop, const std::string& path,
                                                 std::function<void()> changed);
  ~PollWatch();
  PollWatch(const PollWatch&) = delete;
  PollWatch& operator=(const PollWatch&) = delete;

 private:
  PollWatch(net::Loop& loop, int file, int set, std::function<void()> changed);

  int file_;
  int set_;  // an epoll set of that one file: readable when the file has news, which is what a loop can wait for
  net::Handle handle_;
};

}  // namespace postern::agent
