#pragma once
// What Tab makes of a line, given what may stand at its end. Pure.
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/cli/session.h"

namespace postern::gateway::cli {

/// The last word of a line as it was typed, an opening quote included; empty behind a blank.
std::string_view last_typed_word(std::string_view line);

struct Completion {
  std::size_t erase = 0;        ///< Bytes to take away in front of the cursor,
  std::string insert;           ///< and to put there.
  std::vector<Candidate> list;  ///< Not empty: show these; nothing is inserted.
};
/// Inserts what all candidates have in common, a blank behind the only one; shows them when that adds nothing. Words in
/// <brackets> stand for what a person thinks up: they are shown and never inserted.
Completion complete(std::string_view line, const std::vector<Candidate>& candidates);

/// What Candidate::word stands for: the word without its quotes.
std::string bare_word(const Candidate& candidate);
/// A word such as <name> or [sha256].
bool is_placeholder(const Candidate& candidate);

}  // namespace postern::gateway::cli
