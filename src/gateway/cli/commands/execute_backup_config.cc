#include <fmt/format.h>

#include "base/file.h"
#include "base/log.h"
#include "gateway/cli/commands/revision_parts.h"
#include "gateway/config/headed_text.h"

namespace postern::gateway::cli::commands {
namespace {

std::string backup_now(const CommandContext& c) {
  const auto status = c.operations.system_status();
  return config::print_backup(*c.store.current(), {status.version, status.serial.str(), c.store.now()});
}

void print_whole(const CommandContext& c) { c.print(backup_now(c)); }

void write_backup(const CommandContext& c) {
  const std::filesystem::path path = c.arguments[0];
  if (!path.is_absolute()) {
    return c.fail(fmt::format("\"{}\" is not the path of a file of this machine; it has to begin with /", path.native()));
  }
  // Whoever mistypes a path must not lose what stands there.
  const auto there = read_file(path, config::kMaxConfigText + config::kMaxHeader);
  const bool is_free = !there && there.error().code == ErrorCode::kNotFound;
  if (!is_free && (!there || !config::looks_like_backup(*there))) {
    return c.fail(there ? fmt::format("{} exists and is no backup; choose another name", path.native())
                        : there.error().message + "; choose another name");
  }
  if (auto written = write_file_atomic(path, backup_now(c), 0600); !written) return c.fail(written.error().message);
  log_info("config.backup", "the configuration was written to a file", {{"by", c.user}, {"path", path.native()}});
  c.print(fmt::format("The configuration (revision {}) is kept in {}. It holds keys: only its owner can read it.\n",
                      c.store.current()->revision(), path.native()));
}

}  // namespace

Command execute_backup_config() {
  return {"execute backup config", "Print the whole configuration, with what restore checks it by.", {}, print_whole};
}

Command execute_backup_config_file() {
  return {"execute backup config file", "Write it to a file of the gateway's machine.",
          {{"<path>", "Where: it begins with /; only a backup is overwritten."}}, write_backup};
}

}  // namespace postern::gateway::cli::commands
