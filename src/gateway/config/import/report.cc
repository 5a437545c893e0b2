#include "gateway/config/import/report.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "base/text.h"
#include "gateway/config/text.h"

namespace postern::gateway::config::fortios {
namespace {

constexpr std::size_t kWidth = 100;
constexpr std::size_t kNamed = 200;  ///< Entries of each kind that are named.

std::string_view verdict_word(Verdict verdict) {
  switch (verdict) {
    case Verdict::kTaken: return "taken";
    case Verdict::kTranslated: return "taken as";
    case Verdict::kIgnored: return "ignored";
    case Verdict::kOpen:
    case Verdict::kNothing: return "-";
  }
  return {};
}

/// `text` in lines of at most kWidth columns, each behind `indent` blanks.
std::string wrapped(std::string_view text, std::size_t indent) {
  std::string out, line(indent, ' ');
  bool empty = true;
  for (const auto word : split(text, ' ')) {
    if (!empty && line.size() + 1 + word.size() > kWidth) {
      out += line + '\n';
      line.assign(indent, ' ');
      empty = true;
    }
    if (!empty) line += ' ';
    line += word;
    empty = false;
  }
  return out + line + '\n';
}

std::string count_of(std::size_t count, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", count, count == 1 ? one : many);
}

void print_entries(std::string& out, std::string_view title, const std::vector<ReportEntry>& entries) {
  if (entries.empty()) return;
  out += fmt::format("{}:\n", title);
  for (std::size_t i = 0; i < entries.size() && i < kNamed; ++i) {
    const auto& e = entries[i];
    out += wrapped(fmt::format("line {}: {}{}{}", e.line, one_line(e.name), e.why.empty() ? "" : ": ", one_line(e.why)), 2);
  }
  if (entries.size() > kNamed) out += fmt::format("  and {} more\n", entries.size() - kNamed);
}

/// The lines of an entry as show prints it; private keys and hashes masked.
std::vector<std::string> shown(const ConfigTree& tree, const std::string& table, const std::string& key) {
  std::vector<std::string> out;
  const std::string text = print_table(tree, {{table, key}}, ShowMode::kChanged);
  bool secret = false;
  for (const auto line : split(std::string_view(text), '\n')) {
    if (line.empty()) continue;
    const auto trimmed = trim(line);
    const bool starts = trimmed.starts_with("set private-key \"-----") || trimmed.find(" \"ENC ") != trimmed.npos;
    if (starts) {
      const auto quote = line.find('"');
      out.push_back(std::string(line.substr(0, quote)) + "***");
      secret = line.find('"', quote + 1) == line.npos;
    } else if (!secret) {
      out.emplace_back(line);
    } else if (trimmed.find('"') != trimmed.npos) {
      secret = false;
    }
  }
  return out;
}

using Lines = std::vector<std::string>;

/// Longest common lines; beyond a bound: everything away, everything new.
void compare(std::string& out, const Lines& before, const Lines& after) {
  constexpr std::size_t kMaxCells = 1u << 20;
  const std::size_t n = before.size(), m = after.size();
  if ((n + 1) * (m + 1) > kMaxCells) {
    for (const auto& l : before) out += "- " + l + '\n';
    for (const auto& l : after) out += "+ " + l + '\n';
    return;
  }
  std::vector<std::uint32_t> common((n + 1) * (m + 1), 0);
  const auto at = [&](std::size_t i, std::size_t j) -> std::uint32_t& { return common[i * (m + 1) + j]; };
  for (std::size_t i = n; i-- > 0;) {
    for (std::size_t j = m; j-- > 0;) {
      at(i, j) = before[i] == after[j] ? at(i + 1, j + 1) + 1 : std::max(at(i + 1, j), at(i, j + 1));
    }
  }
  std::size_t i = 0, j = 0;
  while (i < n || j < m) {
    if (i < n && j < m && before[i] == after[j]) {
      out += "  " + before[i++] + '\n';
      ++j;
    } else if (i < n && (j == m || at(i + 1, j) >= at(i, j + 1))) {
      out += "- " + before[i++] + '\n';
    } else {
      out += "+ " + after[j++] + '\n';
    }
  }
}

const Object* find_in(const ConfigTree& tree, const std::string& table, const std::string& key) {
  const auto it = tree.root().tables.find(table);
  if (it == tree.root().tables.end()) return nullptr;
  const auto at = std::find_if(it->second.begin(), it->second.end(), [&](const Object& o) { return o.key == key; });
  return at == it->second.end() ? nullptr : &*at;
}

/// Without "config x" and "end" around it.
Lines body_of(const ConfigTree& tree, const Table& table, const std::string& key) {
  if (!find_in(tree, table.name, key)) return {};
  Lines lines = shown(tree, table.name, key);
  if (lines.size() >= 2) lines = {lines.begin() + 1, lines.end() - 1};
  return lines;
}

/// Of entries that are in both: nothing else tells that one moved. As comments, from the first that stands elsewhere.
void compare_order(std::string& out, const ConfigTree& before, const ConfigTree& after, const Table& table) {
  constexpr std::size_t kNumbered = 50;
  if (!table.ordered) return;
  const auto keys_in_both = [&](const ConfigTree& tree, const ConfigTree& other) {
    std::vector<std::string> keys;
    const auto it = tree.root().tables.find(table.name);
    if (it == tree.root().tables.end()) return keys;
    for (const auto& o : it->second) {
      if (find_in(other, table.name, o.key)) keys.push_back(o.key);
    }
    return keys;
  };
  auto was = keys_in_both(before, after), is = keys_in_both(after, before);
  if (was == is) return;
  const auto first = std::mismatch(was.begin(), was.end(), is.begin()).first - was.begin();
  for (auto* keys : {&was, &is}) {
    keys->erase(keys->begin(), keys->begin() + first);
    if (keys->size() > kNumbered) {
      keys->resize(kNumbered);
      keys->push_back("...");
    }
    out += fmt::format("{}     # in this order: {}\n", keys == &was ? '-' : '+', join(*keys, " "));
  }
}

}  // namespace

std::string print_lines(const Import& import) {
  std::string out;
  const std::string* last = nullptr;  // a reason that holds for the next lines, too, is said once
  for (std::size_t i = 0; i < import.lines.size(); ++i) {
    const auto& l = import.lines[i];
    auto row = fmt::format("{:>6}  {:<8}  {}", i + 1, verdict_word(l.verdict), l.text);
    row.erase(row.find_last_not_of(' ') + 1);
    out += row + '\n';
    if (!l.why.empty() && !(last && *last == l.why)) {
      out += wrapped((l.verdict == Verdict::kTranslated ? "= " : "> ") + one_line(l.why), 18);
    }
    last = &l.why;
  }
  return out;
}

std::string print_summary(const Import& import) {
  std::size_t taken = 0, translated = 0, ignored = 0, nothing = 0;
  std::map<std::string, std::size_t> reasons;
  std::string last;
  for (const auto& l : import.lines) {
    switch (l.verdict) {
      case Verdict::kTaken: ++taken; break;
      case Verdict::kTranslated: ++translated; break;
      case Verdict::kIgnored:
        ++ignored;
        if (!l.why.empty()) last = l.why;
        if (const auto at = last.find("left out with its entry"); at == 0) last = "left out with its entry";
        else if (last.find(" is left out: ") != last.npos) last = "left out with its entry";
        ++reasons[last];
        break;
      case Verdict::kOpen:
      case Verdict::kNothing: ++nothing; break;
    }
  }
  std::string out = fmt::format("{}: {} taken, {} taken in other words, {} ignored, {} without content\n",
                                count_of(import.lines.size(), "line", "lines"), taken, translated, ignored, nothing);
  std::vector<std::pair<std::string, std::size_t>> by_count(reasons.begin(), reasons.end());
  std::stable_sort(by_count.begin(), by_count.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  for (const auto& [why, count] : by_count) {
    auto reason = wrapped(one_line(why), 8);
    reason.replace(0, 6, fmt::format("{:>6}", count));
    out += reason;
  }
  out += fmt::format("{}: {} added, {} changed, {} as before, {} left out; {} with status disable\n", "Entries",
                     import.added.size(), import.changed.size(), import.same.size(), import.left_out.size(),
                     import.disabled.size());
  print_entries(out, "Changed", import.changed);
  print_entries(out, "Left out", import.left_out);
  print_entries(out, "Taken with status disable; each would allow more here than there", import.disabled);
  for (const auto& n : import.notices) out += wrapped("Notice: " + one_line(n), 0);
  return out;
}

std::string print_changes(const Import& import) {
  const ConfigTree &before = import.transaction.base(), &after = import.transaction.tree();
  std::string out;
  for (const auto& table : after.schema().root().tables) {
    std::vector<std::string> keys;
    std::string body;
    for (const ConfigTree* tree : {&after, &before}) {
      const auto it = tree->root().tables.find(table.name);
      if (it == tree->root().tables.end()) continue;
      for (const auto& o : it->second) {
        const bool known = tree == &before && find_in(after, table.name, o.key);
        if (!known) keys.push_back(o.key);
      }
    }
    for (const auto& key : keys) {
      const Object *was = find_in(before, table.name, key), *is = find_in(after, table.name, key);
      if (was && is && *was == *is) continue;
      compare(body, body_of(before, table, key), body_of(after, table, key));
    }
    compare_order(body, before, after, table);
    if (!body.empty()) out += "  config " + table.name + '\n' + body + "  end\n";
  }
  return out;
}

}  // namespace postern::gateway::config::fortios
