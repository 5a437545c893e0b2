#pragma once
// Tokens of the REST API: drawn by the gateway, shown once, kept as a hash.
#include <string>

#include "base/random.h"
#include "gateway/config/store.h"

namespace postern::gateway::config {

/// A new token (192 random bits) for the API user, who is made if there is none; the token before stops working.
/// Errors: those of committing.
Result<std::string> generate_api_key(ConfigStore& store, const std::string& user, Random& random,
                                     const Author& author = {});

}  // namespace postern::gateway::config
