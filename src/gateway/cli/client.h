#pragma once
// `postern-gateway cli`: the command line's client side.
#include <string>
#include <vector>

namespace postern::gateway::cli {

/// Speaks to the daemon at `socket_path`. With -c commands these are run in order; otherwise standard input is read,
/// interactively (history, completion, `?`) when it is a terminal. Stops at the first command that fails: its message
/// goes to standard error, staged changes are dropped, the status is 1. `args` are those behind `cli`: [-c COMMAND]...
/// [--socket PATH] [--help]. Returns the process's exit status: 0, 1 (a command failed), 2 (usage, no daemon).
int cli_main(std::string socket_path, const std::vector<std::string>& args);

}  // namespace postern::gateway::cli
