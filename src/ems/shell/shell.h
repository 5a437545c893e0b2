#pragma once
// The program around the core: listeners, sessions, time, feeds, signals.
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ip.h"
#include "base/result.h"

namespace postern::ems {

struct ListenAddress {
  IpAddress ip;
  std::uint16_t port = 0;   ///< 0: a free one.
};
/// "127.0.0.1:8443", "[::]:8443". Error: kInvalidArgument.
Result<ListenAddress> parse_listen_address(const std::string& text);

struct ShellOptions {
  std::filesystem::path data_dir;
  ListenAddress https;
  ListenAddress telemetry;
  std::vector<std::string>
      public_addresses;  ///< "host:port" that invitations name; empty: the telemetry listener's own.
  std::vector<std::string> server_names;       ///< More names and addresses for the EMS's own certificates.
  std::vector<std::filesystem::path> feeds;    ///< Files, or directories of such.
  bool keep_initial_password = false;          ///< The first administrator need not change it at the first sign-in.
  Seconds keepalive{60};                       ///< Of agents.
  Seconds client_certificate_life{90 * 24 * 3600};
  Seconds renewal_overlap{600};
  Seconds tag_timeout{3600};                   ///< Silence for which an offline endpoint's tags count once it is back.
  Seconds offline_timeout{180};                ///< Silence after which an endpoint is offline; longer than keepalive.
  const Clock* clock = nullptr;                ///< Outlives the run; null: the system's.
};

/// Runs the EMS until SIGTERM or SIGINT. Exit status of the program. Thread: one, and the loop's workers.
int run_ems(const ShellOptions& options);

/// Sets a new random password of an administrator, who is enabled and whose API tokens end, and writes it to standard
/// output; what else was done, to standard error. Exit status.
int reset_password(const std::filesystem::path& data_dir, const std::string& administrator);

}  // namespace postern::ems
