#include "gateway/config/api_key.h"

#include <array>

#include "base/hex.h"
#include "gateway/config/secret.h"

namespace postern::gateway::config {

Result<std::string> generate_api_key(ConfigStore& store, const std::string& user, Random& random, const Author& author) {
  const ObjectPath path = {{"system api-user", user}};
  std::array<std::uint8_t, 24> bytes;
  random.fill(bytes);
  std::string token = to_base64url(bytes);
  auto transaction = store.begin();
  auto status = transaction.edit(path);
  if (status) status = transaction.set(path, "api-key", {hash_key(token)});
  if (status) status = store.commit(transaction, author);
  if (!status) return fail(status.error());
  return token;
}

}  // namespace postern::gateway::config
