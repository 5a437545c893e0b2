#pragma once
// Two administrators at one table: the second is told before what he has staged is committed.
#include <optional>

#include "gateway/cli/session.h"
#include "gateway/config/editor.h"

namespace postern::gateway::cli {

/// To be asked before each commit. If others changed a table that `staged` changes, too: what to tell, and `staged`
/// stands on top of that from now on, so that the next `end` commits. Nothing: commit. `script`: nobody is there to type
/// another `end`; what is told fits that.
std::optional<Reply> tell_meanwhile(const config::ConfigStore& store, config::Transaction& staged, config::Editor& editor,
                                    bool script);

}  // namespace postern::gateway::cli
