#include "gateway/config/editor.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "gateway/config/secret.h"

namespace postern::gateway::config {
namespace {

using Commands = std::vector<Editor::Command>;

const Commands kAtTop = {{"config", "Change a table."}};
const Commands kInTable = {{"edit", "Change an entry, or make a new one."},
                           {"delete", "Take an entry away."},
                           {"rename", "Give an entry another name: rename <old> to <new>."},
                           {"move", "Put an entry elsewhere: move <entry> before|after <other>."},
                           {"purge", "Take every entry away."},
                           {"end", "Leave the table; at the outermost one everything staged is committed."},
                           {"abort", "Drop everything staged."}};
const Commands kInObject = {{"set", "Give an attribute a value."},
                            {"unset", "Give an attribute its default."},
                            {"append", "Add values to an attribute."},
                            {"unselect", "Take values from an attribute."},
                            {"config", "Change a table of this entry."},
                            {"next", "Back to the table."},
                            {"end", "Leave the table; at the outermost one everything staged is committed."},
                            {"abort", "Drop everything staged."}};

Status usage(std::string_view text) {
  return fail(ErrorCode::kInvalidArgument, fmt::format("usage: {}", text));
}

}  // namespace

Result<std::size_t> match_word(std::string_view word, const std::vector<std::string_view>& words) {
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] == word) return i;
    if (!word.empty() && words[i].starts_with(word)) found.push_back(i);
  }
  if (found.size() == 1) return found.front();
  std::vector<std::string> candidates;
  if (found.empty()) {
    candidates.assign(words.begin(), words.end());
    return fail(ErrorCode::kNotFound, fmt::format("\"{}\" is not known here; allowed: {}", word.substr(0, 80),
                                                  join(candidates, ", ")));
  }
  for (const auto i : found) candidates.emplace_back(words[i]);
  return fail(ErrorCode::kConflict,
              fmt::format("\"{}\" may be {}: type more of it", word.substr(0, 80), join(candidates, ", ")));
}

Result<std::pair<std::size_t, std::size_t>> match_phrase(const std::vector<std::string_view>& phrases,
                                                         const std::vector<std::string>& words, std::size_t first) {
  struct Candidate {
    std::size_t index;
    std::vector<std::string_view> parts;
  };
  std::vector<Candidate> candidates;
  for (std::size_t i = 0; i < phrases.size(); ++i) candidates.push_back({i, split(phrases[i], ' ')});
  for (std::size_t depth = 0;; ++depth) {
    std::vector<std::string_view> next;
    for (const auto& c : candidates) {
      if (depth < c.parts.size() && std::find(next.begin(), next.end(), c.parts[depth]) == next.end()) {
        next.push_back(c.parts[depth]);
      }
    }
    const auto complete = std::find_if(candidates.begin(), candidates.end(),
                                       [&](const Candidate& c) { return c.parts.size() == depth; });
    const bool is_one = complete != candidates.end();
    const bool out_of_words = first + depth >= words.size();
    if (is_one && (next.empty() || out_of_words)) return std::pair(complete->index, depth);
    if (out_of_words) {
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("a word is missing; allowed: {}",
                              join(std::vector<std::string>(next.begin(), next.end()), ", ")));
    }
    const auto at = match_word(words[first + depth], next);
    if (!at) {
      if (is_one) return std::pair(complete->index, depth);
      return fail(at.error());
    }
    const auto chosen = next[*at];
    std::erase_if(candidates, [&](const Candidate& c) { return depth >= c.parts.size() || c.parts[depth] != chosen; });
  }
}

ObjectPath Editor::path() const {
  ObjectPath path;
  for (const auto& level : levels_) path.push_back({level.table->name, level.key});
  return path;
}

const std::vector<Table>& Editor::tables() const {
  static const std::vector<Table> none;
  if (levels_.empty()) return schema_->root().tables;
  return levels_.back().in_object ? levels_.back().table->tables : none;
}

const std::vector<Editor::Command>& Editor::commands() const {
  return levels_.empty() ? kAtTop : levels_.back().in_object ? kInObject : kInTable;
}

Result<std::pair<const Table*, std::size_t>> Editor::match_table(const std::vector<std::string>& words,
                                                                 std::size_t first) const {
  std::vector<std::string_view> names;
  for (const auto& table : tables()) names.push_back(table.name);
  if (names.empty()) return fail(ErrorCode::kNotFound, "there are no tables here");
  const auto match = match_phrase(names, words, first);
  if (!match) return fail(match.error());
  return std::pair(&tables()[match->first], match->second);
}

Status Editor::config(Transaction& t, const std::vector<std::string>& words) {
  const auto match = match_table(words, 1);
  if (!match) return fail(match.error());
  if (words.size() != 1 + match->second) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("\"{}\" is too much behind config {}", words[1 + match->second].substr(0, 80),
                            match->first->name));
  }
  levels_.push_back({match->first, match->first->single(), {}});
  if (match->first->single()) {
    if (auto s = t.edit(path()); !s) {
      levels_.pop_back();
      return s;
    }
  }
  return {};
}

Status Editor::edit(Transaction& t, const std::vector<std::string>& words) {
  if (words.size() != 2) return usage("edit <name>");
  Level& level = levels_.back();
  ObjectPath where = path();
  std::string key = words[1];
  if (level.table->key.type == Type::kInteger && key == "0") {
    // As in such command lines: 0 is the next free number.
    const ObjectPath above(where.begin(), where.end() - 1);
    const Object* parent = above.empty() ? &t.tree().root() : t.tree().find(above);
    const std::vector<Object>* entries = nullptr;
    if (parent) {
      if (const auto it = parent->tables.find(level.table->name); it != parent->tables.end()) entries = &it->second;
    }
    auto free = next_key(*level.table, entries);
    if (!free) return fail(free.error().context(describe(where)));
    key = std::move(*free);
  } else if (const auto normal = level.table->key.normalise({key})) {
    key = normal->front();
  }
  where.back().key = key;
  if (auto s = t.edit(where); !s) return s;
  level.in_object = true;
  level.key = key;
  return {};
}

std::optional<std::size_t> Editor::clear_secret(const std::vector<std::string>& words) const {
  if (!in_object() || words.size() != 3) return std::nullopt;
  std::vector<std::string_view> names, verbs;
  for (const auto& c : kInObject) verbs.push_back(c.name);
  const auto verb = match_word(words[0], verbs);
  if (!verb || verbs[*verb] != "set") return std::nullopt;
  const auto& attributes = levels_.back().table->attributes;
  for (const auto& a : attributes) names.push_back(a.name);
  const auto at = match_word(words[1], names);
  if (!at || attributes[*at].type != Type::kSecret || !is_clear_secret(words[2])) return std::nullopt;
  return 2;
}

Status Editor::check_secret(const std::vector<std::string>& words) const {
  const auto& attributes = levels_.back().table->attributes;
  std::vector<std::string_view> names;
  for (const auto& a : attributes) names.push_back(a.name);
  const auto at = match_word(words[1], names);
  if (!at) return fail(at.error());
  if (auto ok = attributes[*at].check_secret(words[2], levels_.back().key); !ok) {
    return fail(ok.error().context(describe(path())));
  }
  return {};
}

Status Editor::change(Transaction& t, std::string_view command, const std::vector<std::string>& words) {
  const Table& table = *levels_.back().table;
  if (words.size() < 2) return usage(fmt::format("{} <attribute>{}", command, command == "unset" ? "" : " <value>"));
  std::vector<std::string_view> names;
  for (const auto& a : table.attributes) names.push_back(a.name);
  const auto at = match_word(words[1], names);
  if (!at) return fail(at.error().context(describe(path())));
  const Attribute& attribute = table.attributes[*at];
  if (command == "unset") {
    if (words.size() != 2) return usage("unset <attribute>");
    return t.unset(path(), attribute.name);
  }
  Value value(words.begin() + 2, words.end());
  if (attribute.type == Type::kOption) {
    std::vector<std::string_view> options;
    for (const auto& o : attribute.options) options.push_back(o.name);
    for (auto& word : value) {
      if (const auto option = match_word(word, options)) word = options[*option];
    }
  }
  if (command == "append") return t.append(path(), attribute.name, value);
  if (command == "unselect") {
    if (!attribute.many) {
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("{}: {}: takes one value; use unset", describe(path()), attribute.name));
    }
    const Object* object = t.tree().find(path());
    Value left = object ? ObjectView(table, *object).values(attribute.name) : Value();
    for (const auto& word : value) {
      const auto it = std::find(left.begin(), left.end(), word);
      if (it == left.end()) {
        return fail(ErrorCode::kNotFound,
                    fmt::format("{}: {}: has no \"{}\"", describe(path()), attribute.name, word.substr(0, 80)));
      }
      left.erase(it);
    }
    // For most lists none means any: nobody should get there by taking the last one away.
    if (left.empty())
      return fail(ErrorCode::kInvalidArgument, fmt::format("{}: {}", describe(path()), attribute.last_one()));
    return t.set(path(), attribute.name, left);
  }
  return t.set(path(), attribute.name, value);
}

Status Editor::arrange(Transaction& t, std::string_view command, const std::vector<std::string>& words) {
  ObjectPath where = path();
  if (command == "purge") {
    if (words.size() != 1) return usage("purge");
    ObjectPath above(where.begin(), where.end() - 1);
    const Object* parent = above.empty() ? &t.tree().root() : t.tree().find(above);
    std::vector<std::string> keys;
    if (parent) {
      if (const auto it = parent->tables.find(where.back().table); it != parent->tables.end()) {
        for (const auto& o : it->second) keys.push_back(o.key);
      }
    }
    for (const auto& key : keys) {
      where.back().key = key;
      if (auto s = t.remove(where); !s) return s;
    }
    return {};
  }
  if (words.size() < 2) return usage(fmt::format("{} <name> …", command));
  where.back().key = words[1];
  if (command == "delete") {
    if (words.size() != 2) return usage("delete <name>");
    return t.remove(where);
  }
  if (words.size() != 4)
    return usage(command == "rename" ? "rename <old> to <new>" : "move <name> before|after <other>");
  if (command == "rename") {
    if (words[2] != "to") return usage("rename <old> to <new>");
    return t.rename(where, words[3]);
  }
  const auto place = match_word(words[2], {"before", "after"});
  if (!place) return fail(place.error());
  return t.move(where, *place == 0, words[3]);
}

void Editor::leave(bool table) {
  if (levels_.empty()) return;
  if (table) {
    levels_.pop_back();
  } else {
    levels_.back() = {levels_.back().table, levels_.back().table->single(), {}};
  }
}

void Editor::settle(const ConfigTree& tree) {
  ObjectPath where;
  for (std::size_t i = 0; i < levels_.size(); ++i) {
    Level& level = levels_[i];
    where.push_back({level.table->name, level.key});
    if (!level.in_object || tree.find(where) != nullptr) continue;
    levels_.resize(i + 1);
    level = {level.table, level.table->single(), {}};
  }
}

Status Editor::leave_object(const Transaction& t) { return t.check(path()); }

Result<Editor::Outcome> Editor::end(Transaction& t) {
  Level& level = levels_.back();
  if (level.in_object) {
    if (auto s = leave_object(t); !s) return fail(s.error());
  }
  if (levels_.size() == 1) return Outcome::kCommit;
  levels_.pop_back();
  return Outcome::kGoOn;
}

Result<Editor::Outcome> Editor::run(Transaction& t, const std::vector<std::string>& words) {
  if (words.empty()) return Outcome::kGoOn;
  std::vector<std::string_view> names;
  for (const auto& c : commands()) names.push_back(c.name);
  const auto at = match_word(words[0], names);
  if (!at) return fail(at.error());
  const std::string_view command = names[*at];
  Status status;
  if (command == "config") {
    status = config(t, words);
  } else if (command == "edit") {
    status = edit(t, words);
  } else if (command == "set" || command == "unset" || command == "append" || command == "unselect") {
    status = change(t, command, words);
  } else if (command == "delete" || command == "rename" || command == "move" || command == "purge") {
    status = arrange(t, command, words);
  } else if (words.size() > 1) {
    status = usage(command);
  } else if (command == "abort") {
    leave_all();
    return Outcome::kAbort;
  } else if (command == "end") {
    return end(t);
  } else {  // next
    if (levels_.back().table->single())
      return fail(ErrorCode::kInvalidArgument, "next: this table has no entries; use end");
    status = leave_object(t);
    if (status) levels_.back() = {levels_.back().table, false, {}};
  }
  if (!status) return fail(status.error());
  return Outcome::kGoOn;
}

}  // namespace postern::gateway::config
