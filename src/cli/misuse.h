#pragma once
// What is said of a command line that can't be understood: the word at fault, and what could stand there.
#include <string>

#include "cli/command.h"

namespace CLI {
class App;
class ParseError;
}  // namespace CLI

namespace postern::cli {

/// What is wrong with an option's value; empty: nothing.
std::string value_error(const Option& option, const std::string& value);

/// One line with where to read on. `error` is what `app` threw, and no call for help.
std::string misuse(const CLI::App& app, const CLI::ParseError& error);

}  // namespace postern::cli
