#pragma once
// What an administrator should hear about a change that is in force: valid, and perhaps not what was meant.
#include <string>
#include <vector>

#include "gateway/cli/operations.h"
#include "gateway/config/tree.h"

namespace postern::gateway::cli {

/// One sentence each; empty: nothing to say.
///  - a policy that changed names a tag that no EMS has shared (it may come later, so that is no error);
///  - an access proxy's port is taken by another program.
std::vector<std::string> commit_notices(const config::ConfigTree& before, const config::ConfigTree& after,
                                        GatewayOperations& operations);

}  // namespace postern::gateway::cli
