#include "gateway/shell/firewall_command.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cstdio>
#include <iostream>
#include <iterator>

#include "base/file.h"
#include "gateway/config/store.h"
#include "gateway/config/tables/tables.h"
#include "gateway/config/text.h"
#include "gateway/firewall/dry_run.h"
#include "gateway/firewall/listing.h"
#include "gateway/neighbours/watch.h"

namespace postern::gateway {
namespace {

constexpr const char* kTable = "postern";

int refuse(const Error& error) {
  std::fprintf(stderr, "%s\n", error.message.c_str());
  return 1;
}

Result<config::GatewayConfig> read_text(const std::string& text) {
  const auto store = config::ConfigStore::in_memory(config::gateway_schema());
  auto transaction = store->begin(config::Actor::kGateway);
  if (auto applied = config::apply_text(transaction, text); !applied) return fail(applied.error());
  if (auto valid = transaction.validate(); !valid) return fail(valid.error());
  auto out = config::read_config(transaction.tree());
  config::keep_schedules(out, config::local_minute(store->now()));
  return out;
}

/// Does a gateway run there? It holds this lock for as long as it does.
bool gateway_runs(const std::filesystem::path& runtime_dir) {
  const int fd = ::open((runtime_dir / "shm" / "writer.lock").c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return false;
  const bool taken = ::flock(fd, LOCK_EX | LOCK_NB) != 0;
  ::close(fd);
  return taken;
}

/// How many; the error is that of the first that stays.
Result<std::size_t> unpin_all() {
  net::Loop loop;
  auto watch = NetworkWatch::open(loop, {});
  if (!watch) return fail(watch.error());
  std::size_t count = 0;
  for (const auto& key : (*watch)->pinned()) {
    if (auto gone = (*watch)->unpin(key); !gone) return fail(gone.error());
    ++count;
  }
  return count;
}

}  // namespace

int firewall_dry_run(const std::filesystem::path& path, bool difference) {
  Result<std::string> text = std::string();
  if (path == "-") {
    text = std::string(std::istreambuf_iterator<char>(std::cin), {});
  } else {
    text = read_file(path, config::kMaxConfigText);
  }
  if (!text) return refuse(text.error());
  const auto config = read_text(*text);
  if (!config) return refuse(config.error());
  const auto commands = firewall::ruleset_of(*config);
  if (!difference) {
    std::fputs(commands.c_str(), stdout);
    return 0;
  }
  const auto before = firewall::list_table(kTable);
  if (!before) return refuse(before.error());
  const auto after = firewall::list_of_commands(commands, kTable);
  if (!after) return refuse(after.error());
  std::fputs(firewall::listing_difference(*before, *after).c_str(), stdout);
  return 0;
}

int firewall_remove(const std::filesystem::path& runtime_dir) {
  if (gateway_runs(runtime_dir)) {
    std::fprintf(stderr, "a gateway runs in %s, and would make the table again: stop it first; nothing was removed\n",
                 runtime_dir.c_str());
    return 1;
  }
  // That one may have another runtime directory.
  const auto held = firewall::lease_held(kTable);
  if (!held) return refuse(held.error());
  if (*held) {
    std::fprintf(stderr,
                 "a gateway keeps the table inet %s alive: one that runs with another runtime directory than %s (name it with "
                 "--runtime-dir, and stop that gateway first), or one that was killed a moment ago (try again in ten "
                 "seconds); nothing was removed\n",
                 kTable, runtime_dir.c_str());
    return 1;
  }
  const auto table = firewall::remove_table(kTable);
  if (!table) return refuse(table.error());
  const auto unpinned = unpin_all();
  if (!unpinned) return refuse(unpinned.error());
  std::error_code none;
  std::filesystem::remove(runtime_dir / "pins", none);
  std::printf("%s; %zu pinned neighbours removed. Nothing of a gateway is left in the kernel; what this machine forwards is "
              "no longer looked at by policies.\n",
              *table ? "The table inet postern is removed" : "There is no table inet postern", *unpinned);
  return 0;
}

}  // namespace postern::gateway
