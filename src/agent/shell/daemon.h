#pragma once
// The agent as a daemon: the core with its sockets, timers, files and watches around it.
#include <filesystem>

namespace postern::agent {

struct DaemonOptions {
  std::filesystem::path data_dir = "/var/lib/postern-agent";   ///< Key, certificate, enrolment.
  std::filesystem::path runtime_dir = "/run/postern-agent";    ///< The socket that the commands talk to.
};

/// Runs until SIGTERM or SIGINT. Returns the process's exit status.
int run_agent(const DaemonOptions& options);

}  // namespace postern::agent
