#pragma once
// `postern-gateway manual`: the reference manual, without a running gateway.
#include <iosfwd>
#include <string_view>
#include <vector>

#include "gateway/config/manual.h"

namespace postern::gateway::cli {

/// Every command of `execute` and `diagnose`.
std::vector<config::ManualCommand> manual_commands();

/// `format`: "markdown" or "text". Exit status: 0; 2 for another format, told on `err`.
int manual_main(std::string_view format, std::ostream& out, std::ostream& err);

}  // namespace postern::gateway::cli
