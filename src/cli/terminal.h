#pragma once
// Where the command's words go and a person's answers come from.
#include <string>
#include <string_view>

#include "base/result.h"
#include "cli/look.h"

namespace postern::cli {

class Terminal {
 public:
  virtual ~Terminal() = default;
  virtual void out(std::string_view text) = 0;  ///< Standard output: the answer.
  virtual void err(std::string_view text) = 0;  ///< Standard error: everything about it.
  /// A line from the person at the terminal, whatever standard input is. Errors: kUnavailable (nobody is there).
  virtual Result<std::string> ask(std::string_view question) = 0;
  /// The same without showing what is typed.
  virtual Result<std::string> ask_secret(std::string_view question) = 0;
  /// All of standard input, at most `limit` bytes. Errors: kResourceExhausted, kUnavailable.
  virtual Result<std::string> input(std::size_t limit) = 0;

  const Look& look() const { return look_; }
  /// Asks; only y or yes is one.
  Result<bool> agreed(std::string_view question);

 protected:
  Look look_;
};

/// This process's: colours unless NO_COLOR is set, the locale's character set, COLUMNS before the terminal's own width.
Terminal& real_terminal();

}  // namespace postern::cli
