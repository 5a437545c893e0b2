#pragma once
// `postern-gateway cli`: the command line's client side.
#include <string>
#include <vector>

#include "net/patience.h"

namespace postern::gateway::cli {

/// Speaks to the daemon whose runtime directory is `runtime_dir`, unless `args` name another. With -c commands these
/// are run in order up to the first that fails: its message goes to standard error, staged changes are dropped, the
/// status is 1. Otherwise standard input is read: interactively (history, completion, `?`, paging) when it is a terminal,
/// else as a text that is taken whole or not at all, each wrong line told on standard error (a -c of several lines is
/// such a text, too). `args` are those behind `cli`: [-c COMMAND]... [--runtime-dir DIR] [--socket PATH] [--help].
/// Returns the process's exit status: 0, 1 (a command failed, a line is wrong), 2 (usage, no daemon, or one that does not
/// answer: see net/patience.h).
int cli_main(const std::string& runtime_dir, const std::vector<std::string>& args,
             net::Patience& patience = net::real_patience());

}  // namespace postern::gateway::cli
