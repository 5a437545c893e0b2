#pragma once
// Long output on a terminal, a page at a time.
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "gateway/cli/tty.h"

namespace postern::gateway::cli {

/// What the pager needs of a terminal; tests give their own.
struct PagerScreen {
  std::function<ScreenSize()> size;             ///< Asked at each stop: it may change.
  std::function<void(std::string_view)> write;
  std::function<int()> key;                     ///< The next character; below 0: Ctrl-C, or no more input.
};

/// Prints `text`. What is longer than the screen stops at each page with --More--: space goes on by a page, Enter by a
/// line; q and Ctrl-C leave the rest out. Lines that are wider than the screen count as the rows that they take.
void print_paged(std::string_view text, const PagerScreen& screen);

/// Rows that a line takes at this width; 1 for an empty one.
std::size_t rows_of(std::string_view line, std::size_t columns);

}  // namespace postern::gateway::cli
