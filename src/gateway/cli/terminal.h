#pragma once
// The interactive command line: editing, history, completion by Tab, help by `?`, paging.
#include <string>

namespace postern::gateway::cli {

/// Speaks to the daemon at this socket until `exit`, end of input, or the daemon is gone; standard input is a terminal.
/// Returns the process's exit status: 0, or 2 (no daemon, or it is gone).
int run_terminal(const std::string& socket_path);

}  // namespace postern::gateway::cli
