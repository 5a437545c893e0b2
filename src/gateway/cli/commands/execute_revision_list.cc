#include <fmt/format.h>

#include <algorithm>

#include "base/clock.h"
#include "gateway/cli/commands/command.h"
#include "gateway/cli/one_line.h"

namespace postern::gateway::cli::commands {
namespace {

void list_revisions(const CommandContext& c) {
  const auto& all = c.store.revisions().all();
  if (all.empty()) return c.print("No revision is kept yet: the first commit makes one.\n");
  std::size_t who = 3, by = 2;
  for (const auto& [id, r] : all) {
    who = std::max(who, std::min<std::size_t>(r.author.name.size(), 24));
    by = std::max(by, r.author.by.size());
  }
  std::string out = fmt::format("{:>6}   {:<20}  {:<{}}  {:<{}}  {}\n", "ID", "TIME (UTC)", "WHO", who, "BY", by, "WHAT");
  const auto in_force = c.store.current()->revision();
  for (const auto& [id, r] : all) {
    if (!r.damage.empty()) {
      out += fmt::format("{:>6}   damaged: {}\n", id, one_line(r.damage));
      continue;
    }
    out += fmt::format("{:>6} {} {:<20}  {:<{}}  {:<{}}  {}", id, id == in_force ? '*' : ' ',
                       to_iso8601(r.time).substr(0, 19) + 'Z', one_line(r.author.name), who, one_line(r.author.by), by,
                       one_line(r.summary));
    if (!r.author.comment.empty()) out += fmt::format(" ({})", one_line(r.author.comment));
    out += '\n';
  }
  c.print(out + "*: in force\n");
}

}  // namespace

Command execute_revision_list() {
  return {"execute revision list config", "The configurations of before: who made each, when, and what changed.", {},
          list_revisions};
}

}  // namespace postern::gateway::cli::commands
