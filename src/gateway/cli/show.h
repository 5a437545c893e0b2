#pragma once
// `show`, `get` and `tree`, wherever an administrator stands.
#include <string>
#include <vector>

#include "gateway/cli/operations.h"
#include "gateway/config/editor.h"

namespace postern::gateway::cli {

struct ShowPlace {
  const config::ConfigTree& tree;
  const config::Editor& editor;
  GatewayOperations& operations;
};

/// `words` include the command. Errors: kNotFound, kInvalidArgument.
Result<std::string> show(const ShowPlace& place, const std::vector<std::string>& words);
Result<std::string> get(const ShowPlace& place, const std::vector<std::string>& words);
/// `tree`: what can be configured here, or in the table named.
Result<std::string> show_tree(const ShowPlace& place, const std::vector<std::string>& words);

}  // namespace postern::gateway::cli
