#include <fmt/format.h>

#include "gateway/cli/commands/revision_parts.h"

namespace postern::gateway::cli::commands {
namespace {

void comment_revision(const CommandContext& c) {
  const auto id = revision_number(c, c.arguments[0]);
  if (!id) return c.fail(id.error().message);
  if (auto kept = c.store.comment_revision(*id, c.arguments[1]); !kept) return c.fail(kept.error().message);
  c.print({});
}

}  // namespace

Command execute_revision_comment() {
  return {"execute revision comment config", "Write a note on a revision.",
          {{"<id>", "Number of the revision."}, {"<comment>", "In quotes; \"\" takes it away."}}, comment_revision};
}

}  // namespace postern::gateway::cli::commands
