#include "gateway/cli/commands/revision_parts.h"

namespace postern::gateway::cli::commands {
namespace {

void show_revision(const CommandContext& c) {
  const auto id = revision_number(c, c.arguments[0]);
  if (!id) return c.fail(id.error().message);
  auto text = c.store.revisions().text(*id);
  if (!text) return c.fail(text.error().message);
  c.print(std::move(*text));
}

}  // namespace

Command execute_revision_show() {
  return {"execute revision show config", "Print a configuration of before, as show prints the one in force.",
          {{"<id>", "Number of the revision."}}, show_revision};
}

}  // namespace postern::gateway::cli::commands
