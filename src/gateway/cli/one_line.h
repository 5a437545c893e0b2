#pragma once
// Texts that others had a part in, for a terminal.
#include "base/text.h"

namespace postern::gateway::cli {

using postern::one_line;

}  // namespace postern::gateway::cli
