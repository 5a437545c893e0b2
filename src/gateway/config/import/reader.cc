#include "gateway/config/import/reader.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "gateway/config/text.h"

namespace postern::gateway::config::fortios {
namespace {

constexpr std::size_t kMaxStatement = 128u << 10;
constexpr std::string_view kPagerMark = "--More--";
constexpr std::string_view kSecretNames[] = {"passw",      "passphrase", "secret", "psk",      "private-key",
                                             "keytab",     "pwd",        "token",  "cookie",   "community",
                                             "license",    "key-string", "http-header", "authorization"};

bool has_prefix_of_prompt(std::string_view word) {
  return !word.empty() && word.size() <= 64 && std::all_of(word.begin(), word.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
  });
}

bool is_statement_word(std::string_view word) {
  for (const std::string_view known : {"config", "edit", "set", "unset", "append", "next", "end"}) {
    if (word == known) return true;
  }
  return false;
}

/// What only looks, or leads elsewhere: typed behind a prompt, it changes nothing of what the text says. Words may be
/// shortened as far as they are clear; anything else behind a prompt is a statement.
bool only_looks(std::string_view word) {
  if (word.empty() || word == "?") return true;
  for (const std::string_view known : {"show", "get"}) {
    if (word.size() >= 2 && known.starts_with(word)) return true;
  }
  // A single letter may be delete or edit; three are clear.
  for (const std::string_view known : {"diagnose", "execute", "exit", "quit", "tree", "sudo"}) {
    if (word.size() >= 3 && known.starts_with(word)) return true;
  }
  return false;
}

/// "FGT-1 # …" and "FGT-1 (address) $ …": where what was typed begins; npos: no prompt.
std::size_t behind_prompt(std::string_view line) {
  const auto space = line.find(' ');
  if (space == line.npos || !has_prefix_of_prompt(line.substr(0, space)) || is_statement_word(line.substr(0, space))) {
    return line.npos;
  }
  std::size_t at = space + 1;
  if (at < line.size() && line[at] == '(') {
    const auto close = line.find(") ", at);
    if (close == line.npos) return line.npos;
    at = close + 2;
  }
  if (at >= line.size() || (line[at] != '#' && line[at] != '$')) return line.npos;
  ++at;
  if (at < line.size() && line[at] != ' ') return line.npos;
  return std::min(at + 1, line.size());
}

/// What a pager leaves between two lines: its mark, and what wipes it out.
std::string without_pager(std::string_view line, bool& found) {
  std::string out;
  for (;;) {
    const auto at = line.find(kPagerMark);
    if (at == line.npos) break;
    found = true;
    out += line.substr(0, at);
    line.remove_prefix(at + kPagerMark.size());
    const auto next = line.find_first_not_of(" \r\b");
    line.remove_prefix(std::min(next, line.size()));
  }
  return out += line;
}

bool holds_secret(const std::vector<std::string>& words) {
  if (words.size() < 2) return false;
  for (std::size_t i = 2; i < words.size(); ++i) {
    if (words[i] == "ENC" || words[i].starts_with("ENC ")) return true;
    if (words[i].find("PRIVATE KEY-----") != std::string::npos) return true;
  }
  if (words[0] != "set" && words[0] != "append") return false;
  if (words[1].ends_with("key") || words[1].ends_with("keys")) return true;
  return std::any_of(std::begin(kSecretNames), std::end(kSecretNames),
                     [&](std::string_view name) { return words[1].find(name) != std::string::npos; });
}

std::string without_secret(std::string_view line, const std::vector<std::string>& words) {
  const auto at = line.find(words[1]);
  if (at == line.npos) return "***";
  return one_line(line.substr(0, at + words[1].size())) + " ***";
}

class LineReader {
 public:
  void line(std::string_view raw) {
    if (!raw.empty() && raw.back() == '\r') raw.remove_suffix(1);
    bool paged = false;
    const std::string text = without_pager(raw, paged);
    source.lines.push_back({SourceLine::Kind::kStatement, one_line(text)});
    if (splitter_.words().open) return feed(text);
    const auto trimmed = trim(text);
    auto& kind = source.lines.back().kind;
    if (trimmed.empty()) {
      kind = paged ? SourceLine::Kind::kPager : SourceLine::Kind::kBlank;
      if (paged) source.lines.back().shown = kPagerMark;
      return;
    }
    if (trimmed.front() == '#') {
      kind = trimmed.starts_with("#config-version=") ? SourceLine::Kind::kHeader : SourceLine::Kind::kComment;
      return;
    }
    first_ = source.lines.size() - 1;
    const auto typed = behind_prompt(trimmed);
    if (typed == trimmed.npos) return feed(text);
    const auto rest = trim(trimmed.substr(typed));
    if (only_looks(rest.substr(0, rest.find_first_of(" ?")))) {
      kind = SourceLine::Kind::kPrompt;
      return;
    }
    feed(rest);
  }
  void end() {
    if (splitter_.words().open) finish("the quote is never closed");
  }

  Source source;

 private:
  void feed(std::string_view text) {
    if (splitter_.size() <= kMaxStatement) {
      splitter_.feed(text);
    } else {
      // Too long to be meant: only where it ends is looked for.
      if (std::count(text.begin(), text.end(), '"') % 2 == 0) return;
      finish(fmt::format("it is longer than {} KiB", kMaxStatement >> 10));
      return;
    }
    if (!splitter_.words().open) finish({});
  }
  void finish(std::string broken) {
    Statement s{first_, source.lines.size() - 1, splitter_.words().words, std::move(broken)};
    splitter_.clear();
    // What is broken may hold a secret anywhere.
    const bool secret = !s.broken.empty() || holds_secret(s.words);
    for (std::size_t i = s.first; secret && i <= s.last; ++i) {
      auto& shown = source.lines[i].shown;
      shown = i == s.first && s.words.size() > 1 ? without_secret(shown, s.words) : "***";
    }
    source.statements.push_back(std::move(s));
  }

  WordSplitter splitter_;
  std::size_t first_ = 0;
};

}  // namespace

Result<Source> read_source(std::string_view text) {
  if (text.size() > kMaxText) {
    return fail(ErrorCode::kResourceExhausted,
                fmt::format("the text is larger than {} MiB: take the tables that are needed alone", kMaxText >> 20));
  }
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  if (text.ends_with('\n')) text.remove_suffix(1);
  const auto lines = split(text, '\n');
  if (lines.size() > kMaxLines) {
    return fail(ErrorCode::kResourceExhausted,
                fmt::format("the text has more than {} lines: take the tables that are needed alone", kMaxLines));
  }
  LineReader reader;
  for (const auto line : lines) reader.line(line);
  reader.end();
  const auto& statements = reader.source.statements;
  const bool any = std::any_of(statements.begin(), statements.end(),
                               [](const Statement& s) { return !s.words.empty() && s.words[0] == "config"; });
  if (!any) {
    return fail(ErrorCode::kInvalidArgument,
                "no line begins with config: this is not what show prints, and no backup that is readable: without "
                "encryption, not as YAML, and in UTF-8");
  }
  return std::move(reader.source);
}

}  // namespace postern::gateway::config::fortios
