#pragma once
// Starting a program as another user, with nothing of ours but what it needs.
#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace postern::gateway {

struct SpawnOptions {
  std::vector<std::string> argv;  ///< argv[0] is the program's path.
  std::optional<uid_t> uid;       ///< Become this user (we are root); with `gid`.
  std::optional<gid_t> gid;
  bool bind_low_ports = false;  ///< Keep CAP_NET_BIND_SERVICE, and only that.
  int output = -1;              ///< Becomes stdout and stderr; -1: /dev/null. Stays the caller's.
  std::vector<std::string> environment;  ///< "NAME=value" each, where our own environment has no such name.
  bool own_session = false;     ///< Not ended together with us.
};

/// Errors: kResourceExhausted, kUnavailable. The caller waits for the child. A program that can't
/// be executed exits with 127.
Result<pid_t> spawn(const SpawnOptions& options);

/// Its exit as text: "exit status 1", "signal 11 (Segmentation fault)".
std::string describe_exit(int wait_status);

}  // namespace postern::gateway
