#pragma once
// The interactive command line: editing, history, completion by Tab, help by `?`.
#include "gateway/cli/channel.h"

namespace postern::gateway::cli {

/// Until `exit`, end of input, or the daemon is gone. Returns the process's exit status.
int run_terminal(Channel& channel);

}  // namespace postern::gateway::cli
