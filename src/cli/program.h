#pragma once
// The program: from a command line to an exit code.
#include <string>
#include <vector>

#include "cli/command.h"

namespace postern::cli {

/// `arguments` without the program's name. Never throws.
int run_program(const std::vector<std::string>& arguments, const Environment& environment);

/// The reference of all commands as Markdown (docs/guide/postern.md holds it; a test compares).
std::string reference_markdown();

}  // namespace postern::cli
