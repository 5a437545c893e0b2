#pragma once
// The commands that talk to the running agent over its socket. Each prints to standard output, errors as one line to
// standard error, and returns the process's exit status: 0 done, 1 refused, 2 the agent can't be reached
// or stands still.
#include <string>

#include "net/patience.h"

namespace postern::agent {

int status_command(const std::string& runtime_dir, bool json, net::Patience& patience = net::real_patience());
/// "-" reads the invitation from standard input, where it is in no list of processes.
int enrol_command(const std::string& runtime_dir, const std::string& invitation,
                  net::Patience& patience = net::real_patience());
/// `force`: also when the EMS can't be told.
int deregister_command(const std::string& runtime_dir, bool force, net::Patience& patience = net::real_patience());
int recheck_command(const std::string& runtime_dir, net::Patience& patience = net::real_patience());

}  // namespace postern::agent
