#pragma once
// What may stand where an administrator types: for `?` and Tab.
#include <string>
#include <string_view>
#include <vector>

#include "gateway/cli/operations.h"
#include "gateway/cli/session.h"
#include "gateway/config/editor.h"

namespace postern::gateway::cli {

/// A first word of a line, where the administrator stands.
struct Verb {
  std::string_view name;
  std::string_view help;
};

struct TypingPlace {
  const config::ConfigTree& tree;      ///< With what is staged.
  const config::Editor& editor;
  GatewayOperations& operations;
  const std::vector<Verb>& verbs;
};

/// `words` are those typed so far; the last one is the beginning of the word asked for, perhaps empty. Placeholders such
/// as <name> come with whatever was typed.
std::vector<Candidate> candidates(const TypingPlace& place, const std::vector<std::string>& words);
/// Behind the `|` of a command.
std::vector<Candidate> filter_candidates(const std::vector<std::string>& words);

/// Help as text: a word and its explanation per line, aligned. With `columns` above 0, explanations that are wider go on
/// below themselves.
std::string format_help(const std::vector<Candidate>& candidates, std::size_t columns = 0);

}  // namespace postern::gateway::cli
