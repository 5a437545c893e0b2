#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "base/file.h"
#include "base/text.h"
#include "gateway/cli/commands/revision_parts.h"
#include "gateway/config/headed_text.h"

namespace postern::gateway::cli::commands {
namespace {

/// "force", or a beginning of it, at this place of the arguments. Anything else there is refused.
Result<bool> is_forced(const CommandContext& c, std::size_t at) {
  if (c.arguments.size() <= at) return false;
  if (!c.arguments[at].empty() && std::string_view("force").starts_with(c.arguments[at])) return true;
  return fail(ErrorCode::kInvalidArgument,
              fmt::format("\"{}\" is not allowed here; allowed: force", one_line(c.arguments[at].substr(0, 80))));
}

void restore(const CommandContext& c, std::string_view text, bool forced, const std::string& how_to_force,
             const std::string& from) {
  const auto backup = config::read_backup(text, forced);
  if (!backup) {
    return c.fail(fmt::format("{}; nothing was changed. If you edited it, or it is what show prints: {}",
                              backup.error().message, how_to_force));
  }
  auto replacement = config::replace_by_text(c.store, backup->text);
  const auto serial = c.operations.system_status().serial.str();
  if (!backup->serial.empty() && backup->serial != serial) {
    replacement.notes.push_back(fmt::format("It is the backup of another gateway, {}; this one is {}.", backup->serial, serial));
  }
  if (backup->serial.empty()) {
    replacement.notes.push_back("No checksum tells whether it is whole: look at what goes.");
  }
  // In the file of a backup the header stands in front of what was read.
  const auto head = std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(text.size() - backup->text.size()), '\n');
  for (auto& wrong : replacement.wrong) {
    if (wrong.line != 0) wrong.line += static_cast<std::size_t>(head);
  }
  ask_and_replace(c, std::move(replacement), "Replace the whole configuration by it?", author_of(c, "restore", from),
                  "The configuration is replaced.");
}

void restore_file(const CommandContext& c) {
  const auto forced = is_forced(c, 1);
  if (!forced) return c.fail(forced.error().message);
  const auto text = read_file(c.arguments[0], config::kMaxConfigText + config::kMaxHeader);
  if (!text) return c.fail(text.error().message + "; nothing was changed");
  restore(c, *text, *forced, fmt::format("execute restore config file {} force", c.arguments[0]), "from " + c.arguments[0]);
}

struct Paste {
  std::string text;
  bool forced = false;
  bool too_large = false;
};

/// Reads lines until one with a single dot.
void read_paste(const CommandContext& c, const std::shared_ptr<Paste>& paste, const std::string& said) {
  c.ask(said, "", [c, paste](std::string line) {
    if (trim(line) == ".") {
      if (paste->too_large) {
        return c.fail(fmt::format("what was pasted is larger than {} MiB; nothing was changed", config::kMaxConfigText >> 20));
      }
      return restore(c, paste->text, paste->forced, "execute restore config force", "pasted");
    }
    while (!line.empty() && line.back() == '\r') line.pop_back();
    paste->too_large |= paste->text.size() + line.size() > config::kMaxConfigText;
    if (!paste->too_large) paste->text += line + '\n';
    read_paste(c, paste, "");
  });
}

void restore_paste(const CommandContext& c) {
  const auto forced = is_forced(c, 0);
  if (!forced) return c.fail(forced.error().message);
  auto paste = std::make_shared<Paste>();
  paste->forced = *forced;
  read_paste(c, paste, "Paste the backup, then a line with a single dot.\n");
}

}  // namespace

Command execute_restore_config() {
  return {"execute restore config", "Replace the whole configuration by a backup that is pasted.",
          {{"[force]", "Take one that was edited, or that is what show prints."}}, restore_paste};
}

Command execute_restore_config_file() {
  return {"execute restore config file", "By one in a file of the gateway's machine.",
          {{"<path>", "Where it is."}, {"[force]", "Take one that was edited, or that is what show prints."}}, restore_file};
}

}  // namespace postern::gateway::cli::commands
