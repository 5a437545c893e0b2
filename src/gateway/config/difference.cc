#include "gateway/config/difference.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/hex.h"
#include "base/sha256.h"
#include "base/text.h"
#include "gateway/config/entries.h"
#include "gateway/config/text.h"

namespace postern::gateway::config {
namespace {

/// Which entries have to be moved, and behind which (empty: to the front), so that those of `before` stand as in
/// `after`: as few as possible. New ones are thought to come in last.
std::vector<std::pair<std::string, std::string>> moves(const std::vector<Object>& before, const std::vector<Object>& after) {
  const EntryIndex had(before), has(after);
  std::vector<std::size_t> places;  // in `after`, in the order before
  for (const auto& o : before) {
    if (const auto* there = has.find(o.key)) places.push_back(static_cast<std::size_t>(there - after.data()));
  }
  for (std::size_t i = 0; i < after.size(); ++i) {
    if (!had.has(after[i].key)) places.push_back(i);
  }
  // The longest ascending subsequence stays: ends[n] is where the one of n + 1 places with the smallest last place ends.
  constexpr auto kNone = static_cast<std::size_t>(-1);
  std::vector<std::size_t> ends, previous(places.size(), kNone);
  for (std::size_t i = 0; i < places.size(); ++i) {
    const auto at = std::lower_bound(ends.begin(), ends.end(), i,
                                     [&](std::size_t a, std::size_t b) { return places[a] < places[b]; });
    if (at != ends.begin()) previous[i] = *(at - 1);
    if (at == ends.end()) ends.push_back(i);
    else *at = i;
  }
  std::vector<bool> stays(after.size(), false);
  for (std::size_t i = ends.empty() ? kNone : ends.back(); i != kNone; i = previous[i]) stays[places[i]] = true;
  std::vector<std::pair<std::string, std::string>> out;
  for (std::size_t i = 0; i < after.size(); ++i) {
    if (!stays[i]) out.emplace_back(after[i].key, i == 0 ? std::string() : after[i - 1].key);
  }
  return out;
}

class DifferencePrinter {
 public:
  std::string out;

  void tables(const Table& parent, const Object* before, const Object* after, std::size_t depth, std::string_view only = {}) {
    for (const auto& table : parent.tables) {
      if (!only.empty() && table.name != only) continue;
      const auto& old = entries_of(before, table.name);
      const auto& now = entries_of(after, table.name);
      if (same_entries(table, old, now)) continue;
      line(' ', depth, "config " + table.name);
      if (table.single()) {
        content(table, old.empty() ? nullptr : &old.front(), now.empty() ? nullptr : &now.front(), depth + 1);
      } else {
        entries(table, old, now, depth + 1);
      }
      line(' ', depth, "end");
    }
  }

 private:
  void line(char mark, std::size_t depth, const std::string& text) {
    out += fmt::format("{}{:{}}{}\n", mark, "", depth * 4, text);
  }

  void attribute(char mark, std::size_t depth, const Attribute& a, const Value& value) {
    // A value may have line breaks: each of its lines is marked.
    const std::string text = "set " + a.name + ' ' + masked_value(a, value);
    bool first = true;
    for (const auto part : split(text, '\n')) {
      line(mark, first ? depth : 0, std::string(part));
      first = false;
    }
  }

  void content(const Table& table, const Object* before, const Object* after, std::size_t depth) {
    for (const auto& a : table.attributes) {
      const auto value = [&](const Object* o) -> const Value* {
        if (o == nullptr) return nullptr;
        const auto it = o->values.find(a.name);
        return it == o->values.end() ? nullptr : &it->second;
      };
      const Value *old = value(before), *now = value(after);
      if (old == now || (old && now && *old == *now)) continue;
      if (old) attribute('-', depth, a, *old);
      if (now) attribute('+', depth, a, *now);
    }
    tables(table, before, after, depth);
  }

  void entry(const Table& table, const Object* before, const Object* after, std::size_t depth) {
    if (before && after && *before == *after) return;
    const char mark = before && after ? ' ' : before ? '-' : '+';
    const std::string& key = (before ? before : after)->key;
    line(mark, depth, "edit " + (table.key.type == Type::kInteger ? key : config::quoted(key)));
    const std::size_t from = out.size();
    content(table, before, after, depth + 1);
    if (mark != ' ') mark_all(from, mark);
    line(mark, depth, "next");
  }

  /// What stands in an entry that came or went, came or went too: tables' names included.
  void mark_all(std::size_t from, char mark) {
    for (; from < out.size(); from = out.find('\n', from) + 1) out[from] = mark;
  }

  void entries(const Table& table, const std::vector<Object>& before, const std::vector<Object>& after, std::size_t depth) {
    const EntryIndex had(before), has(after);
    std::size_t i = 0;
    const auto gone = [&] {
      for (; i < before.size() && !has.has(before[i].key); ++i) entry(table, &before[i], nullptr, depth);
    };
    for (const auto& now : after) {
      const auto* old = had.find(now.key);
      if (old) gone();
      entry(table, old, &now, depth);
      if (old && i < before.size()) ++i;
      if (old) gone();
    }
    gone();
    if (!table.ordered) return;
    for (const auto& [key, behind] : moves(before, after)) {
      line('+', depth, behind.empty() ? fmt::format("move {} before {}", quote_word(key), quote_word(after[1].key))
                                      : fmt::format("move {} after {}", quote_word(key), quote_word(behind)));
    }
  }
};

}  // namespace

std::string masked_value(const Attribute& attribute, const Value& value) {
  const auto short_hash = [](std::string_view text) { return to_hex_lower(ByteView(sha256(text)).first(4)); };
  if (attribute.type == Type::kSecret && !value.empty()) return fmt::format("(a hash, not shown; {})", short_hash(value.front()));
  if (attribute.type == Type::kPem && !value.empty() && value.front().find("-----BEGIN") != std::string::npos) {
    const bool key = value.front().find("PRIVATE KEY") != std::string::npos;
    return fmt::format("({}; {})", key ? "a private key, not shown" : "PEM, not shown", short_hash(value.front()));
  }
  return shown_words(attribute, value);
}

std::string print_difference(const ConfigTree& before, const ConfigTree& after, std::string_view table) {
  DifferencePrinter printer;
  printer.tables(after.schema().root(), &before.root(), &after.root(), 0, table);
  return std::move(printer.out);
}

std::string first_lines(const std::string& text, std::size_t most) {
  std::size_t at = 0;
  for (std::size_t i = 0; i < most; ++i) {
    const auto end = text.find('\n', at);
    if (end == text.npos) return text;
    at = end + 1;
  }
  if (at == text.size()) return text;
  const auto more = std::count(text.begin() + static_cast<std::ptrdiff_t>(at), text.end(), '\n');
  return text.substr(0, at) + fmt::format("({} more lines)\n", more);
}

std::string summarise_difference(const ConfigTree& before, const ConfigTree& after) {
  constexpr std::size_t kNamed = 3;
  std::vector<std::string> changes;
  for (const auto& table : after.schema().root().tables) {
    const auto& old = entries_of(&before.root(), table.name);
    const auto& now = entries_of(&after.root(), table.name);
    if (same_entries(table, old, now)) continue;
    if (table.single()) {
      changes.push_back(table.name + " changed");
      continue;
    }
    const std::size_t named = changes.size();
    const EntryIndex had(old), has(now);
    for (const auto& o : old) {
      const auto* other = has.find(o.key);
      if (!other || !(*other == o)) {
        changes.push_back(fmt::format("{} {} {}", table.name, o.key, other ? "changed" : "deleted"));
      }
    }
    for (const auto& o : now) {
      if (!had.has(o.key)) changes.push_back(fmt::format("{} {} made", table.name, o.key));
    }
    if (changes.size() == named) changes.push_back(table.name + " in another order");
  }
  const std::size_t count = changes.size();
  if (count > kNamed) changes.resize(kNamed);
  std::string out = join(changes, ", ");
  if (count > kNamed) out += fmt::format(" and {} more", count - kNamed);
  return out;
}

}  // namespace postern::gateway::config
