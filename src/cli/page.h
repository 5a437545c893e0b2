#pragma once
// Lines for a terminal of some width.
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "cli/look.h"

namespace postern::cli {

class Page {
 public:
  /// `look` outlives it.
  explicit Page(const Look& look) : look_(look) {}

  const Look& look() const { return look_; }
  void line(const std::string& text) { text_ += text + '\n'; }
  /// Wrapped, each line behind so many blanks.
  void wrapped_lines(std::string_view text, std::size_t indent = 0, Style style = Style::kPlain);
  /// Behind a label, wrapped.
  void paragraph(std::string_view label, std::string_view text, Style style = Style::kPlain);
  /// In one line that begins after so many columns, shortened if it must be.
  std::string fitted(const std::string& text, std::size_t used) const;
  /// The width that is left for text behind so many blanks; 0: any.
  std::size_t left(std::size_t indent) const;

  std::string text() && { return std::move(text_); }

  static constexpr std::size_t kLabelWidth = 9;

 private:
  const Look& look_;
  std::string text_;
};

}  // namespace postern::cli
