#pragma once
// The tests of `diagnose test application fcnacd`: each stands in a file of its own beside this one.
#include <functional>
#include <string>

#include "gateway/cli/commands/command.h"

namespace postern::gateway::cli::commands {

struct FcnacdTest {
  std::string number;
  std::string help;
  std::function<void(const CommandContext&)> run;
};

FcnacdTest fcnacd_contexts();
FcnacdTest fcnacd_refresh();
FcnacdTest fcnacd_ztna_cache();
FcnacdTest fcnacd_route_cache();
FcnacdTest fcnacd_gateway_caches();
FcnacdTest fcnacd_restart();

/// "EMS 1 (EMS): " and what came of asking it; `verb`: "told everything anew".
std::string fcnacd_answer(const EmsAnswer& answer, const std::string& verb);

}  // namespace postern::gateway::cli::commands
