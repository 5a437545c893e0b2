#include <fmt/format.h>

#include "gateway/cli/commands/revision_parts.h"

namespace postern::gateway::cli::commands {
namespace {

void reset(const CommandContext& c) {
  ask_and_replace(c, config::replace_by_nothing(c.store),
                  fmt::format("Delete the whole configuration? Administrators and the port of the REST API stay, and so do "
                              "the revisions of before (execute revision rollback config {} takes this back).",
                              c.store.current()->revision()),
                  author_of(c, "reset", {}), "The configuration is as that of a new gateway.");
}

constexpr const char* kResetHelp = "Delete the whole configuration but the administrators.";

}  // namespace

Command execute_factory_reset() { return {"execute factory-reset", kResetHelp, {}, reset}; }
Command execute_factoryreset() { return {"execute factoryreset", kResetHelp, {}, reset}; }

}  // namespace postern::gateway::cli::commands
