#include "gateway/cli/meanwhile.h"

#include <fmt/format.h>

#include "base/text.h"
#include "gateway/cli/one_line.h"
#include "gateway/config/difference.h"

namespace postern::gateway::cli {
namespace {

constexpr std::size_t kTheirLines = 60;

}  // namespace

std::optional<Reply> tell_meanwhile(const config::ConfigStore& store, config::Transaction& staged, config::Editor& editor,
                                    bool script) {
  const auto rebase = store.rebase(staged);
  editor.settle(staged.tree());
  if (!rebase.told) return std::nullopt;
  const std::string tables = join(rebase.tables, " and ");
  std::string told = fmt::format("While you were changing {}, this was committed:\n", tables);
  for (const auto line : split(trim(rebase.changes), '\n')) told += "  " + one_line(line) + '\n';
  told += config::first_lines(rebase.difference, kTheirLines);
  if (!rebase.clashes.empty()) {
    told += "Both of you changed:\n";
    for (const auto& clash : rebase.clashes) told += "  " + one_line(config::describe(clash, rebase.they)) + '\n';
  }
  const std::string_view what_to_do =
      script ? "nothing of this text is committed: look at it, then send the text again"
             : "nothing is committed yet, and what you changed is kept on top of that (show prints both): end commits it, abort "
               "drops it";
  Reply reply;
  reply.output = std::move(told);
  reply.error = fmt::format("{} {} changed by {} meanwhile (above); {}", tables, rebase.tables.size() == 1 ? "was" : "were",
                            rebase.they, what_to_do);
  return reply;
}

}  // namespace postern::gateway::cli
