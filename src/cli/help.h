#pragma once
// How --help looks: CLI11's order of things, in lines that fit the terminal at hand.
#include <memory>

#include "cli/look.h"

namespace CLI {
class FormatterBase;
}

namespace postern::cli {

/// Breaks lines at the terminal's width; examples stay whole, for they are copied.
std::shared_ptr<CLI::FormatterBase> help_formatter(const Look& look);

}  // namespace postern::cli
