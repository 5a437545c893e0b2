#include "gateway/cli/filter.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "base/text.h"
#include "gateway/config/text.h"

namespace postern::gateway::cli {
namespace {

constexpr const char* kGrepUsage = "usage: <command> | grep [-i] [-v] [-n] [-c] [-f] <text>";

/// The first `|` that is not inside quotes.
std::size_t find_bar(std::string_view line) {
  char quote = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (quote) {
      if (quote == '"' && c == '\\') ++i;
      else if (c == quote) quote = 0;
    } else if (c == '"' || c == '\'') {
      quote = c;
    } else if (c == '|') {
      return i;
    }
  }
  return std::string_view::npos;
}

/// A command of a configuration's text: several lines when a quote goes over them.
struct Statement {
  std::string_view text;  // with its line breaks
  std::size_t first = 0;  // number of its first line
  std::string verb;
};

std::vector<Statement> statements(std::string_view output) {
  std::vector<Statement> out;
  config::WordSplitter splitter;
  std::size_t number = 0;
  const char* begin = nullptr;
  std::size_t began = 0;
  if (output.ends_with('\n')) output.remove_suffix(1);
  for (const auto line : split(output, '\n')) {
    ++number;
    if (!splitter.words().open) {
      splitter.clear();
      begin = line.data();
      began = number;
    }
    splitter.feed(line);
    if (splitter.words().open) continue;
    const auto& words = splitter.words().words;
    out.push_back({{begin, static_cast<std::size_t>(line.data() + line.size() - begin)}, began,
                   words.empty() ? std::string() : words[0]});
  }
  return out;
}

}  // namespace

std::string Filter::apply(std::string_view output) const {
  const std::string sought = any_case ? to_lower(text) : text;
  const auto holds = [&](std::string_view line) {
    return any_case ? to_lower(line).find(sought) != std::string::npos : line.find(sought) != line.npos;
  };
  std::string out;
  std::size_t printed = 0;
  const auto print = [&](std::string_view lines, std::size_t number) {
    for (const auto line : split(lines, '\n')) {
      ++printed;
      if (!count) out += numbers ? fmt::format("{}:{}\n", number, line) : fmt::format("{}\n", line);
      ++number;
    }
  };
  const auto counted = [&] { return count ? fmt::format("{}\n", printed) : out; };
  if (output.empty()) return counted();
  if (!whole_entries || !output.starts_with("config ")) {
    std::size_t number = 0;
    if (output.ends_with('\n')) output.remove_suffix(1);
    for (const auto line : split(output, '\n')) {
      ++number;
      if (holds(line) != without) print(line, number);
    }
    return counted();
  }
  // Outermost entries that hold it, in their `config … end`; of a table without entries all of it.
  const auto all = statements(output);
  for (std::size_t i = 0; i < all.size();) {
    if (all[i].verb != "config") {
      ++i;
      continue;
    }
    const Statement& head = all[i++];
    struct Part {
      std::size_t first, last;  // statements; both belong to it
      bool found;
    };
    std::vector<Part> parts;
    bool entries = false, found_outside = holds(head.text);
    std::size_t depth = 0;
    for (; i < all.size(); ++i) {
      const auto& verb = all[i].verb;
      if (depth == 0 && verb == "end") break;
      if (depth == 0) parts.push_back({i, i, false});
      parts.back().last = i;
      parts.back().found |= holds(all[i].text);
      if (depth == 0) entries |= verb == "edit";
      if (verb == "edit" || verb == "config") ++depth;
      if ((verb == "next" || verb == "end") && depth > 0) --depth;
    }
    if (!entries) {
      for (const auto& part : parts) found_outside |= part.found;
    }
    // The table's own line names all of it.
    const auto wanted = [&](const Part& part) {
      return entries ? (part.found || found_outside) != without : found_outside != without;
    };
    if (parts.empty() ? found_outside != without : std::any_of(parts.begin(), parts.end(), wanted)) {
      print(head.text, head.first);
      for (const auto& part : parts) {
        if (!wanted(part)) continue;
        for (std::size_t n = part.first; n <= part.last; ++n) print(all[n].text, all[n].first);
      }
      if (i < all.size()) print(all[i].text, all[i].first);
    }
    if (i < all.size()) ++i;
  }
  return counted();
}

Result<FilteredLine> split_filter(std::string_view line) {
  const auto bar = find_bar(line);
  if (bar == line.npos) return FilteredLine{line, std::nullopt};
  const auto behind = config::split_words(line.substr(bar + 1));
  const auto& words = behind.words;
  if (behind.open) return fail(ErrorCode::kInvalidArgument, fmt::format("a quote is never closed; {}", kGrepUsage));
  if (words.empty() || words[0] != "grep") {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("\"{}\" can't stand behind |; {}", words.empty() ? "" : words[0].substr(0, 80), kGrepUsage));
  }
  Filter filter;
  std::size_t at = 1;
  for (; at < words.size() && words[at].size() > 1 && words[at][0] == '-'; ++at) {
    if (words[at] == "--") {
      ++at;
      break;
    }
    for (const char c : std::string_view(words[at]).substr(1)) {
      switch (c) {
        case 'i': filter.any_case = true; break;
        case 'v': filter.without = true; break;
        case 'n': filter.numbers = true; break;
        case 'c': filter.count = true; break;
        case 'f': filter.whole_entries = true; break;
        default:
          return fail(ErrorCode::kInvalidArgument,
                      fmt::format("grep: \"{}\" is not an option; {}", words[at].substr(0, 80), kGrepUsage));
      }
    }
  }
  if (at + 1 != words.size() || words[at].empty()) return fail(ErrorCode::kInvalidArgument, kGrepUsage);
  filter.text = words[at];
  return FilteredLine{line.substr(0, bar), std::move(filter)};
}

}  // namespace postern::gateway::cli
