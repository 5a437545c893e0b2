#pragma once
// A FortiGate's configuration as it was pasted: which lines are statements, and which only surround them. Knows nothing
// of any table. Thread: any.
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace postern::gateway::config::fortios {

struct SourceLine {
  enum class Kind {
    kStatement,  ///< A statement, or a further line of one (a quoted certificate).
    kBlank,
    kComment,
    kHeader,     ///< "#config-version=FGVM64-7.4.4-…".
    kPrompt,     ///< "FGT-1 # show firewall policy": a prompt, and perhaps what was typed there.
    kPager,      ///< "--More--".
  };
  Kind kind = Kind::kBlank;
  std::string shown;  ///< For people: secrets masked, one line.
};

struct Statement {
  std::size_t first = 0, last = 0;  ///< Lines, counted from 0.
  std::vector<std::string> words;
  std::string broken;               ///< Not empty: why it can't be read.
};

struct Source {
  std::vector<SourceLine> lines;
  std::vector<Statement> statements;  ///< In order; their lines don't overlap.
};

/// At most so much text, and so many lines of it.
inline constexpr std::size_t kMaxText = 8u << 20;
inline constexpr std::size_t kMaxLines = 200'000;

/// Takes CR LF, a byte order mark, prompts and a pager's traces. Errors: kResourceExhausted; kInvalidArgument when no
/// line begins with `config` (whatever the text is, none of it is shown then).
Result<Source> read_source(std::string_view text);

}  // namespace postern::gateway::config::fortios
