#include <fmt/format.h>

#include "gateway/cli/commands/revision_parts.h"
#include "gateway/config/difference.h"

namespace postern::gateway::cli::commands {
namespace {

/// A revision, or what is in force for "current" (any short form of it) and for nothing.
Result<config::Snapshot> side(const CommandContext& c, const std::string& argument) {
  if (argument.empty() || std::string_view("current").starts_with(argument)) return c.store.current();
  const auto id = revision_number(c, argument);
  if (!id) return fail(id.error());
  return c.store.configuration_of(*id);
}

void diff_revisions(const CommandContext& c) {
  const auto id = revision_number(c, c.arguments[0]);
  if (!id) return c.fail(id.error().message);
  const auto before = c.store.configuration_of(*id);
  if (!before) return c.fail(before.error().message);
  const auto after = side(c, c.arguments.size() > 1 ? c.arguments[1] : std::string());
  if (!after) return c.fail(after.error().message);
  const auto difference = config::print_difference(**before, **after);
  if (difference.empty()) {
    return c.print(fmt::format("Revisions {} and {} are the same.\n", *id, (*after)->revision()));
  }
  c.print(fmt::format("--- revision {}\n+++ revision {}{}\n{}", *id, (*after)->revision(),
                      *after == c.store.current() ? " (in force)" : "", difference));
}

}  // namespace

Command execute_revision_diff() {
  return {"execute revision diff config", "What changed from one revision to another, or to the configuration in force.",
          {{"<id>", "Number of the revision to begin with."}, {"[id]", "That to end with, or current."}}, diff_revisions};
}

}  // namespace postern::gateway::cli::commands
