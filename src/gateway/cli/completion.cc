#include "gateway/cli/completion.h"

#include <algorithm>

#include "gateway/config/text.h"

namespace postern::gateway::cli {
namespace {

/// The whole characters at the start of `a` that `b` begins with, too.
std::size_t common_length(std::string_view a, std::string_view b) {
  std::size_t n = static_cast<std::size_t>(std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first - a.begin());
  const auto inside = [&] { return n < a.size() && (static_cast<unsigned char>(a[n]) & 0xc0) == 0x80; };
  while (n > 0 && inside()) --n;
  return n;
}

}  // namespace

std::string_view last_typed_word(std::string_view line) {
  std::size_t begin = line.size();
  bool in_word = false;
  char quote = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (quote) {
      if (quote == '"' && c == '\\') ++i;
      else if (c == quote) quote = 0;
      continue;
    }
    if (c == ' ' || c == '\t') {
      in_word = false;
      continue;
    }
    if (!in_word) begin = i;
    in_word = true;
    if (c == '"' || c == '\'') quote = c;
  }
  return in_word || quote ? line.substr(begin) : std::string_view();
}

std::string bare_word(const Candidate& candidate) {
  if (candidate.word.starts_with('"')) {
    const auto words = config::split_words(candidate.word);
    if (words.words.size() == 1) return words.words[0];
  }
  return candidate.word;
}

bool is_placeholder(const Candidate& candidate) {
  const auto& w = candidate.word;
  return w.size() > 1 && ((w.front() == '<' && w.back() == '>') || (w.front() == '[' && w.back() == ']'));
}

Completion complete(std::string_view line, const std::vector<Candidate>& candidates) {
  Completion out;
  const auto typed = last_typed_word(line);
  std::string partial(typed);
  const bool quoted = !typed.empty() && (typed.front() == '"' || typed.front() == '\'');
  if (quoted) {
    auto words = config::split_words(typed);
    // Closed for the look: what was typed so far is the word.
    if (words.open) words = config::split_words(std::string(typed) + typed.front());
    partial = words.words.empty() ? "" : words.words.back();
  }
  std::vector<std::string> fitting;
  bool placeholder = false;
  for (const auto& c : candidates) {
    if (is_placeholder(c)) {
      placeholder = true;
    } else if (auto word = bare_word(c); word.starts_with(partial)) {
      fitting.push_back(std::move(word));
    }
  }
  if (fitting.empty()) {
    if (placeholder) out.list = candidates;
    return out;
  }
  std::string common = fitting.front();
  for (const auto& word : fitting) common.resize(common_length(common, word));
  const bool only = fitting.size() == 1;
  std::string whole;
  if (only) {
    whole = (quoted ? config::quoted(common) : config::quote_word(common)) + ' ';
    if (quoted && typed.front() == '\'' && common.find('\'') == common.npos) whole = '\'' + common + "' ";
  } else {
    // More of it follows: the quote stays open.
    const bool needs_quotes = quoted || config::quote_word(common) != common;
    whole = needs_quotes ? config::quoted(common) : common;
    if (needs_quotes) whole.pop_back();
    if (common.size() <= partial.size()) {
      out.list = candidates;
      return out;
    }
  }
  if (whole.starts_with(typed)) {
    out.insert = whole.substr(typed.size());
  } else {
    out.erase = typed.size();
    out.insert = whole;
  }
  return out;
}

}  // namespace postern::gateway::cli
