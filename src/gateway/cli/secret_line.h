#pragma once
// Which lines belong in no history. Pure.
#include <string>
#include <vector>

#include "gateway/config/editor.h"

namespace postern::gateway::cli {

/// The line gives a secret or a key, or a mistyped word of it may: better one line too few in the history.
bool holds_secret(const config::Editor& editor, const std::vector<std::string>& words);

}  // namespace postern::gateway::cli
