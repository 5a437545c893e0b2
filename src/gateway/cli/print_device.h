#pragma once
// A short view of one endpoint, for the commands that look one up. A public format, pinned by tests/golden.
#include <string>

#include "gateway/cli/operations.h"

namespace postern::gateway::cli {

std::string print_device(const EndpointTrace& trace);

}  // namespace postern::gateway::cli
