#include "gateway/cli/secret_line.h"

#include <algorithm>

#include "base/text.h"

namespace postern::gateway::cli {

bool holds_secret(const config::Editor& editor, const std::vector<std::string>& words) {
  using config::Type;
  // Something stands behind a word that names one, wherever it is typed.
  for (std::size_t i = 0; i + 1 < words.size(); ++i) {
    const auto word = to_lower(words[i]);
    for (const char* name : {"passw", "passphrase", "secret", "psksecret", "private-key"}) {
      if (word.find(name) != word.npos) return true;
    }
  }
  if (!editor.in_object() || words.size() < 3) return false;
  const auto& attributes = editor.levels().back().table->attributes;
  const auto secret = [](const config::Attribute& a) { return a.type == Type::kSecret || a.type == Type::kPem; };
  std::vector<std::string_view> names;
  for (const auto& a : attributes) names.push_back(a.name);
  const auto at = config::match_word(words[1], names);
  return at ? secret(attributes[*at]) : std::any_of(attributes.begin(), attributes.end(), secret);
}

}  // namespace postern::gateway::cli
