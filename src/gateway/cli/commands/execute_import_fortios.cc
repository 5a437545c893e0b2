// A FortiGate's own configuration, pasted in or from a file: what of it can be taken, line by line, then a question.
#include <fmt/format.h>

#include <filesystem>
#include <memory>

#include "base/file.h"
#include "base/text.h"
#include "gateway/cli/commands/command.h"
#include "gateway/cli/notices.h"
#include "gateway/cli/one_line.h"
#include "gateway/config/import/report.h"

namespace postern::gateway::cli::commands {
namespace {

namespace fortios = config::fortios;

/// What is being imported: the text, then what became of it.
struct Importing {
  bool check = false;  ///< Only report.
  std::string text;
  std::optional<fortios::Import> import;
  std::string failed;
  std::string report, changes;
};
using ImportingPtr = std::shared_ptr<Importing>;

void commit_import(const CommandContext& c, const ImportingPtr& i) {
  const auto before = c.store.current();
  if (before.get() != &i->import->transaction.base()) {  // what was reported stands on it: addresses, refusals in front
    return c.fail(
        "the configuration was changed by somebody else since this was reported; look again (nothing was taken over)");
  }
  if (const auto status = c.store.commit(i->import->transaction, {c.user, "import"}); !status) {
    return c.fail(status.error().message + " (nothing was taken over)");
  }
  const auto& done = *i->import;
  std::string said = fmt::format("Taken over: {} added, {} changed.\n", done.added.size(), done.changed.size());
  for (const auto& notice : commit_notices(*before, *c.store.current(), c.operations)) {
    said += "Notice: " + one_line(notice) + '\n';
  }
  c.print(std::move(said));
}

void show_import(const CommandContext& c, const ImportingPtr& i) {
  if (!i->import) return c.fail(i->failed);
  const bool changes = i->import->transaction.changed();
  std::string said = i->report;
  said += changes ? "\nWhat changes:\n" + i->changes : "\nNothing changes.\n";
  if (const auto good = c.store.check(i->import->transaction); !good) {
    // What only the running gateway knows; behind the report, which says by what line it comes.
    return c.finish({std::move(said),
                     fmt::format("as it stands, this can't be taken over: {} (nothing was changed; mend the text, and "
                                 "look again)",
                                 good.error().message),
                     false, false});
  }
  if (i->check) return c.print(said + "\nThis was a check: nothing was changed.\n");
  // Asked all the same: a script that answers goes through a second time.
  if (!changes) return c.ask(said + '\n', "Go on? (y/n) ", [c](const std::string&) { c.print("Nothing was changed.\n"); });
  // Whoever leaves the pager early sees the sums all the same.
  const auto& import = *i->import;
  const auto sums = fmt::format("{} added, {} changed, {} left out, {} with status disable", import.added.size(),
                                import.changed.size(), import.left_out.size(), import.disabled.size());
  c.ask(said + '\n', fmt::format("Take this over ({})? (y/n) ", sums), [c, i](std::string answer) {
    if (read_yes_or_no(answer) == true) return commit_import(c, i);
    c.print("Nothing was taken over.\n");
  });
}

/// Elsewhere than on the loop: a large text takes a while.
void read_import(const CommandContext& c, const ImportingPtr& i) {
  i->failed =
      "the text could not be read: an internal error, which the gateway's log names (loop.work_failed); please report it, with "
      "the text if you may. Nothing was taken over; what you take out of the text piece by piece shows which part it is";
  c.operations.offload(
      [i, base = c.store.current(), machine = fortios::Machine{c.operations.interface_names()}] {
        auto import = fortios::import_text(base, i->text, machine);
        if (!import) {
          i->failed = import.error().message;
          return;
        }
        i->import.emplace(std::move(*import));
        i->report = fortios::print_lines(*i->import) + '\n' + fortios::print_summary(*i->import);
        i->changes = fortios::print_changes(*i->import);
      },
      [c, i] {
        if (c.alive()) show_import(c, i);
      });
}

void next_pasted_line(const CommandContext& c, const ImportingPtr& i, std::string output) {
  c.ask(std::move(output), {}, [c, i](std::string line) {
    if (trim(line) == ".") return read_import(c, i);
    if (i->text.size() + line.size() >= fortios::kMaxText) {
      return c.fail(fmt::format("the text is larger than {} MiB; nothing was taken over", fortios::kMaxText >> 20));
    }
    i->text += line;
    i->text += '\n';
    next_pasted_line(c, i, {});
  });
}

void paste_import(const CommandContext& c, bool check) {
  auto i = std::make_shared<Importing>();
  i->check = check;
  next_pasted_line(c, i, "Paste the configuration. A line with a single dot ends it.\n");
}

void import_file(const CommandContext& c, bool check) {
  auto i = std::make_shared<Importing>();
  i->check = check;
  const std::filesystem::path path(c.arguments[0]);
  if (!path.is_absolute()) return c.fail("the path is not absolute; it is one of the gateway's machine");
  auto text = read_file(path, fortios::kMaxText);
  if (!text) return c.fail(text.error().message);
  i->text = std::move(*text);
  read_import(c, i);
}

const Candidate kPath = {"<path>", "A file on the gateway's machine: what show prints, or a backup."};

}  // namespace

Command execute_import_fortios() {
  return {"execute import fortios",
          "Take over what a FortiGate's show prints, pasted in: reports each line, and asks before it changes anything.",
          {},
          [](const CommandContext& c) { paste_import(c, false); }};
}

Command execute_import_fortios_check() {
  return {"execute import fortios check",
          "Only report what would become of each line that is pasted in.",
          {},
          [](const CommandContext& c) { paste_import(c, true); }};
}

Command execute_import_fortios_file() {
  return {"execute import fortios file",
          "Take over a FortiGate's configuration from a file.",
          {kPath},
          [](const CommandContext& c) { import_file(c, false); }};
}

Command execute_import_fortios_check_file() {
  return {"execute import fortios check file",
          "Only report what would become of each line of a file.",
          {kPath},
          [](const CommandContext& c) { import_file(c, true); }};
}

}  // namespace postern::gateway::cli::commands
