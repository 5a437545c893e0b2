#pragma once
// What the commands that look endpoints up have in common.
#include <functional>
#include <string>

#include "gateway/cli/commands/command.h"

namespace postern::gateway::cli::commands {

/// <uid> [ems-sn] [tenant] from `arguments[first]` on, of those that `among` takes: prints a short view of each, or says
/// what is wrong with the words, or that there is none.
void look_up_uid(const CommandContext& c, std::size_t first, const std::function<bool(const EndpointTrace&)>& among);
/// A short view of each of these; none: `nobody` is the error.
void print_devices(const CommandContext& c, const std::function<bool(const EndpointTrace&)>& wanted, std::string nobody);

}  // namespace postern::gateway::cli::commands
