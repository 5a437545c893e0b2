#pragma once
// What the commands share that put another configuration in the place of the one in force.
#include <string>
#include <string_view>

#include "gateway/cli/commands/command.h"
#include "gateway/config/backup.h"

namespace postern::gateway::cli::commands {

/// The number of a revision that is kept; otherwise what to tell.
Result<std::uint64_t> revision_number(const CommandContext& c, std::string_view text);

/// Who runs the command, by what, and why.
config::Author author_of(const CommandContext& c, std::string_view by, std::string comment);

/// Shows what would change, asks `question` (without "(y/n)"), and commits as `author`; `done` is printed then. What is
/// wrong with the replacement is told line by line, and nothing is asked.
void ask_and_replace(const CommandContext& c, config::Replacement replacement, const std::string& question,
                     config::Author author, const std::string& done);

}  // namespace postern::gateway::cli::commands
