#include <fmt/format.h>

#include "gateway/cli/commands/command.h"
#include "gateway/config/api_key.h"

namespace postern::gateway::cli::commands {
namespace {

void generate_api_key(const CommandContext& c) {
  const auto token = config::generate_api_key(c.store, c.arguments[0], c.random, {c.user, "cli"});
  if (!token) return c.fail(token.error().message);
  c.print(fmt::format("New API key: {}\n", *token));
}

}  // namespace

Command execute_api_user_generate_key() {
  return {"execute api-user generate-key",
          "Draw a new token for a program; the one before stops working. It is shown only now.",
          {{"<name>", "Name of the program; it is made if it is not there."}},
          generate_api_key,
          "system api-user"};
}

}  // namespace postern::gateway::cli::commands
