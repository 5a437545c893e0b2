#pragma once
// The lines that commands print.
#include <string>
#include <string_view>

namespace postern::gateway::cli {

/// Text from outside on one line of its own: whatever could break the line or steer a terminal becomes '?'.
std::string printable(std::string_view text);

/// A command inside a sentence: `wrap` does not break it.
std::string unbroken(std::string command);

class Lines {
 public:
  /// "label value", or the label alone.
  void add(std::string_view label, std::string_view value);
  void add(std::string_view line);
  /// Sentences, broken between words before the 80th column, each line behind `indent` spaces; the first one begins with
  /// `mark`, and the others stand below what follows it.
  void wrap(std::string_view text, std::size_t indent = 0, std::string_view mark = {});
  void blank() { text_ += '\n'; }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

}  // namespace postern::gateway::cli
