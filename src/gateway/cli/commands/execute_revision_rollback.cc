#include <fmt/format.h>

#include "gateway/cli/commands/revision_parts.h"

namespace postern::gateway::cli::commands {
namespace {

void roll_back(const CommandContext& c) {
  const auto id = revision_number(c, c.arguments[0]);
  if (!id) return c.fail(id.error().message);
  auto replacement = config::replace_by_revision(c.store, *id);
  if (!replacement) return c.fail(replacement.error().message);
  ask_and_replace(c, std::move(*replacement), fmt::format("Go back to revision {}?", *id),
                  author_of(c, "rollback", fmt::format("back to revision {}", *id)),
                  fmt::format("The configuration is that of revision {} again.", *id));
}

}  // namespace

Command execute_revision_rollback() {
  return {"execute revision rollback config",
          "Go back to a configuration of before; accounts stay as they are. It becomes a new revision.",
          {{"<id>", "Number of the revision."}}, roll_back};
}

}  // namespace postern::gateway::cli::commands
