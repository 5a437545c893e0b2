#pragma once
// `show | grep TEXT`: what of a command's output is printed.
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace postern::gateway::cli {

struct Filter {
  std::string text;            ///< What a line must hold; letters, not a pattern.
  bool any_case = false;       ///< -i
  bool without = false;        ///< -v: the lines that don't hold it.
  bool numbers = false;        ///< -n: each line's number in the whole output goes before it.
  bool count = false;          ///< -c: how many lines, instead of them.
  bool whole_entries = false;  ///< -f: of a configuration, whole entries that hold it; of other output, lines.

  std::string apply(std::string_view output) const;
};

struct FilteredLine {
  std::string_view command;     ///< The line in front of the `|`.
  std::optional<Filter> filter;  ///< None: there is no `|` outside quotes.
};

/// Errors: kInvalidArgument, with the usage.
Result<FilteredLine> split_filter(std::string_view line);

}  // namespace postern::gateway::cli
