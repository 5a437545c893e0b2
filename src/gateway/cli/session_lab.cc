#include "gateway/cli/session_lab.h"

#include <time.h>

#include <cstdlib>
#include <filesystem>
#include <utility>

#include "base/file.h"
#include "gateway/config/text.h"

namespace postern::gateway::cli {

std::string SessionLab::golden(const char* name) {
  const auto text = read_file(std::filesystem::path(POSTERN_SOURCE_DIR) / "tests/golden" / name, 1 << 20);
  return text ? *text : "missing: " + text.error().message;
}

SessionLab::SessionLab()
    : store(config::ConfigStore::in_memory(config::gateway_schema())),
      session(std::make_unique<CliSession>(*store, operations, random)) {
  setenv("TZ", "UTC", 1);
  tzset();
  operations.connector_list = {walk_connector()};
  operations.endpoints = {walk_endpoint()};
  operations.addresses = walk_addresses();
  configure();
}
SessionLab::~SessionLab() = default;

void SessionLab::configure() {
  auto t = store->begin();
  ASSERT_TRUE(config::apply_text(t, golden("gateway-config.txt")));
  ASSERT_TRUE(store->commit(t));
}

std::optional<Reply> SessionLab::feed(std::string_view line) {
  auto got = std::make_shared<std::optional<Reply>>();
  session->feed(line, [got](Reply r) { *got = std::move(r); });
  last = got;
  return *got;
}

std::string SessionLab::out(std::string_view line) {
  const auto r = feed(line);
  if (!r) return "(waits)";
  return r->ok() ? r->output : "error: " + r->error;
}

}  // namespace postern::gateway::cli
