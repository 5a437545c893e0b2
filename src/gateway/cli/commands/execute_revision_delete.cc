#include <fmt/format.h>

#include "gateway/cli/commands/revision_parts.h"

namespace postern::gateway::cli::commands {
namespace {

void delete_revision(const CommandContext& c) {
  const auto id = revision_number(c, c.arguments[0]);
  if (!id) return c.fail(id.error().message);
  if (auto removed = c.store.remove_revision(*id); !removed) return c.fail(removed.error().message);
  c.print(fmt::format("Revision {} is deleted.\n", *id));
}

}  // namespace

Command execute_revision_delete() {
  return {"execute revision delete config", "Delete a revision for good.", {{"<id>", "Number of the revision."}},
          delete_revision};
}

}  // namespace postern::gateway::cli::commands
