#pragma once
// What became of a FortiGate's configuration, for a person: line by line, then in sum, then as a difference. Thread: any.
#include <string>

#include "gateway/config/import/fortios.h"

namespace postern::gateway::config::fortios {

/// One verdict for each line: number, verdict, the line. Below it the reason, or behind = what it was taken as, unless
/// that is what the line above has, too.
std::string print_lines(const Import& import);
/// How much was taken, why the rest was not, and what becomes of entries.
std::string print_summary(const Import& import);
/// What a commit would change: lines of `show`, with + and -; secrets masked. Empty: nothing.
std::string print_changes(const Import& import);

}  // namespace postern::gateway::config::fortios
