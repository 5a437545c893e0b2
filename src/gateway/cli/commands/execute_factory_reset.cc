#include <fmt/format.h>

#include "gateway/cli/commands/revision_parts.h"

namespace postern::gateway::cli::commands {
namespace {

void reset(const CommandContext& c) {
  auto replacement = config::replace_by_nothing(c.store);
  replacement.notes.push_back("Administrators, the port of the REST API and the revisions of before stay.");
  replacement.notes.push_back(fmt::format("execute revision rollback config {} takes it back, but for API users and their keys.",
                                          c.store.current()->revision()));
  ask_and_replace(c, std::move(replacement), "Delete the whole configuration?", author_of(c, "reset", {}),
                  "The configuration is as that of a new gateway.");
}

constexpr const char* kResetHelp = "Delete the whole configuration but the administrators.";

}  // namespace

Command execute_factory_reset() { return {"execute factory-reset", kResetHelp, {}, reset}; }
Command execute_factoryreset() { return {"execute factoryreset", kResetHelp, {}, reset}; }

}  // namespace postern::gateway::cli::commands
