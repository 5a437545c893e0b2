#include "gateway/cli/commands/revision_parts.h"

#include <fmt/format.h>

#include <memory>

#include "gateway/cli/notices.h"
#include "gateway/cli/one_line.h"
#include "gateway/config/difference.h"

namespace postern::gateway::cli::commands {
namespace {

constexpr std::size_t kDifferenceLines = 400;

void commit_replacement(const CommandContext& c, const config::Transaction& transaction, const config::Author& author,
                        const std::string& done) {
  const auto before = c.store.current();
  if (before.get() != &transaction.base()) {
    return c.fail("the configuration was changed by somebody else since this was asked; nothing was replaced: do it again");
  }
  if (auto committed = c.store.commit(transaction, author); !committed) {
    return c.fail(committed.error().message + " (nothing was replaced)");
  }
  std::string said = fmt::format("{} It is revision {} now.\n", done, c.store.current()->revision());
  for (const auto& notice : commit_notices(*before, *c.store.current(), c.operations)) {
    said += "Notice: " + one_line(notice) + '\n';
  }
  c.print(said);
}

}  // namespace

Result<std::uint64_t> revision_number(const CommandContext& c, std::string_view text) {
  return config::revision_argument(c.store.revisions(), text);
}

config::Author author_of(const CommandContext& c, std::string_view by, std::string comment) {
  return {c.user, std::string(by), std::move(comment)};
}

void ask_and_replace(const CommandContext& c, config::Replacement replacement, const std::string& question,
                     config::Author author, const std::string& done) {
  if (!replacement.wrong.empty()) {
    std::string told;
    for (const auto& w : replacement.wrong) {
      told += w.line == 0 ? w.message + '\n' : fmt::format("line {}: {}\n", w.line, w.message);
    }
    const auto count = replacement.wrong.size();
    return c.finish({told, fmt::format("nothing was changed: {} wrong (above); mend {} and do it again",
                                       count == 1 ? "one line is" : fmt::format("{} lines are", count),
                                       count == 1 ? "it" : "them"), false, false});
  }
  const std::string difference =
      config::print_difference(replacement.transaction.base(), replacement.transaction.tree());
  if (difference.empty()) return c.print("The configuration in force is the same; nothing is to be done.\n");
  std::string shown = "What changes ('-' goes, '+' comes):\n" + config::first_lines(difference, kDifferenceLines);
  for (const auto& note : replacement.notes) shown += "Notice: " + note + '\n';
  const auto transaction = std::make_shared<config::Transaction>(std::move(replacement.transaction));
  c.ask(shown, question + " (y/n) ", [c, transaction, author = std::move(author), done](std::string answer) {
    if (read_yes_or_no(answer) == true) return commit_replacement(c, *transaction, author, done);
    c.print("Nothing was changed.\n");
  });
}

}  // namespace postern::gateway::cli::commands
