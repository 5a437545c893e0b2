#pragma once
// What sshd lets root do.
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/collectors/collector.h"
#include "base/result.h"

namespace postern::agent {

/// The value of "permitrootlogin" in the output of `sshd -T`, with "without-password" by its present name; empty: it is
/// not there. Pure.
std::string parse_root_login(std::string_view text);

/// Whether the title of a server, of /proc/PID/cmdline, says that it was started with options (-o) or another
/// configuration (-f): then no configuration tells what holds. Pure.
bool sshd_has_own_settings(std::string_view title);

/// What a file of sshd_config(5) says about root beside what holds for everybody. Pure.
struct SshdConfig {
  std::vector<std::string> root_logins;  ///< Values of PermitRootLogin in Match blocks that root may be in.
  std::vector<std::pair<std::string, bool>>
      includes;  ///< Patterns of further files, and whether such a block includes them.
};
/// `matched`: the file is included by a Match block.
SshdConfig parse_sshd_config(std::string_view text, bool matched);

/// The values of all Match blocks of that configuration, of the files it includes too. `sshd -T` tells what holds for
/// one connection, and these hold for some other. Errors: those of reading; kUnsupported, kResourceExhausted: includes
/// that are not followed.
Result<std::vector<std::string>> matched_root_logins(const Facts& facts, const std::string& config);

/// The one that lets root do more; one that is not known here lets it do the most. Pure.
std::string weaker_root_login(const std::string& a, const std::string& b);

}  // namespace postern::agent
