#pragma once
// What must hold of a whole configuration and no object can tell alone: tables that share their names, groups that
// hold one another, and what forwarded TCP may lead to.
#include "base/result.h"

namespace postern::gateway::config {

class ConfigTree;

/// Errors: kInvalidArgument, naming both sides. Thread: any.
Status check_together(const ConfigTree& tree);

}  // namespace postern::gateway::config
