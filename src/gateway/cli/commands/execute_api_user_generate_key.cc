#include <array>

#include <fmt/format.h>

#include "base/hex.h"
#include "gateway/cli/commands/command.h"
#include "gateway/config/secret.h"

namespace postern::gateway::cli::commands {
namespace {

void run(const CommandContext& c) {
  const config::ObjectPath path = {{"system api-user", c.arguments[0]}};
  std::array<std::uint8_t, 24> bytes;
  c.random.fill(bytes);
  const std::string token = to_base64url(bytes);
  auto transaction = c.store.begin();
  auto status = transaction.edit(path);
  if (status) status = transaction.set(path, "api-key", {config::hash_key(token)});
  if (status) status = c.store.commit(transaction);
  if (!status) return c.fail(status.error().message);
  c.print(fmt::format("New API key: {}\n", token));
}

}  // namespace

Command execute_api_user_generate_key() {
  return {"execute api-user generate-key",
          "Draw a new token for a program; the one before stops working. It is shown only now.",
          {{"<name>", "Name of the program; it is made if it is not there."}},
          run};
}

}  // namespace postern::gateway::cli::commands
