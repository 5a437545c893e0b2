#pragma once
// How text is put on the terminal at hand: its width, its colours, and what it can show.
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace postern::cli {

enum class Style { kPlain, kStrong, kFaint, kGood, kBad, kWarning, kName };

/// What a rule's verdict and an expression's value can be.
enum class Truth { kNo, kUnknown, kYes };

struct Look {
  std::size_t width = 0;  ///< Columns; 0: not a terminal, lines are as long as they are.
  bool colour = false;
  bool utf8 = false;
  bool interactive = false;  ///< A person is there to be asked.
  bool progress = false;     ///< Standard error is a terminal: what takes longer may say so.

  std::string paint(Style style, std::string_view text) const;
  /// ✓ ✗ ?, painted; + - ? where there is no UTF-8.
  std::string mark(Truth truth) const;
  std::string_view dash() const { return utf8 ? "\u2013" : "-"; }  ///< Nothing there.
  std::string_view dot() const { return utf8 ? "\u00b7" : "|"; }   ///< Between two facts of one line.
  std::string_view arrow() const { return utf8 ? "\u2192" : "->"; }
};

/// Columns that `text` takes: wide characters two, combining ones none, escape sequences of `paint` none.
std::size_t columns_of(std::string_view text);
/// `text` (without escape sequences) in at most `columns`, with … or ... where something was left out.
std::string shortened(const Look& look, std::string_view text, std::size_t columns);
/// The first `columns` of `text` without a sign that there is more: for what is known by its beginning, such as a UID.
std::string cut_off(std::string_view text, std::size_t columns);
/// `text` with blanks behind (or before) it up to `columns`.
std::string padded(std::string_view text, std::size_t columns, bool right = false);
/// Broken at blanks into lines of at most `columns` (0: one line). Never empty.
std::vector<std::string> wrapped(std::string_view text, std::size_t columns);

}  // namespace postern::cli
