#include "gateway/cli/script.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"

namespace postern::gateway::cli {
namespace {

constexpr std::string_view kInBlocks[] = {"edit",   "set",    "unset", "append", "unselect", "delete",
                                          "rename", "move",   "purge", "next",   "end",      "config"};

/// The word of a block's command, if it is one.
std::string_view block_verb(const std::string& word) {
  const auto at = config::match_word(word, {std::begin(kInBlocks), std::end(kInBlocks)});
  return at ? kInBlocks[*at] : std::string_view();
}

const config::Attribute* named_attribute(const config::Editor& editor, const std::string& word) {
  const auto& attributes = editor.levels().back().table->attributes;
  std::vector<std::string_view> names;
  for (const auto& a : attributes) names.push_back(a.name);
  const auto at = config::match_word(word, names);
  return at ? &attributes[*at] : nullptr;
}

std::string lines(std::size_t count) { return count == 1 ? "1 line is" : fmt::format("{} lines are", count); }

}  // namespace

void Script::next_line(bool begins) {
  ++read_;
  if (begins) begun_ = read_;
}

bool Script::skips(const std::vector<std::string>& words, const config::Editor& editor) {
  const auto verb = block_verb(words[0]);
  if (std::exchange(unknown_before_, false) && !skip_ && !verb.empty() && verb != "config") {
    // A mistyped `config` or `edit`: what stands here now makes sense only behind it.
    if (editor.at_top() || (editor.in_object() && verb == "edit")) skip_ = Skip{false, 1};
    else if (!editor.in_object() && (verb == "set" || verb == "next" || verb == "unset")) skip_ = Skip{true, 0};
  }
  if (!skip_) return false;
  if (words[0] == "abort") {
    skip_.reset();
    return editor.at_top();
  }
  if (verb == "config") ++skip_->depth;
  if (verb == "end") {
    if (skip_->entry && skip_->depth == 0) {
      skip_.reset();
      return false;
    }
    --skip_->depth;
    if (!skip_->entry && skip_->depth == 0) skip_.reset();
  } else if (verb == "next" && skip_->entry && skip_->depth == 0) {
    skip_.reset();
  }
  ++skipped_;
  return true;
}

void Script::moved(std::string_view verb, const config::Editor& before, const config::Editor& after,
                   const std::vector<std::string>& words) {
  if (verb == "abort") {
    way_.clear();
    block_.clear();
    return;
  }
  block_.push_back(words);
  if (verb == "config" || verb == "edit") {
    way_.push_back(before);
    places_[config::describe(after.path())] = begun_;
  } else if (verb == "next") {
    way_.pop_back();
  } else if (verb == "end") {
    if (before.in_object() && !before.levels().back().table->single()) way_.pop_back();
    way_.pop_back();
    if (after.at_top()) {
      blocks_.insert(blocks_.end(), std::make_move_iterator(block_.begin()), std::make_move_iterator(block_.end()));
      block_.clear();
    }
  } else if ((verb == "delete" || verb == "rename") && words.size() > 1) {
    auto path = before.path();
    path.back().key = words[1];
    places_[config::describe(path)] = begun_;
  } else if ((verb == "set" || verb == "append") && words.size() > 1) {
    const auto* attribute = named_attribute(before, words[1]);
    if (attribute && attribute->type == config::Type::kReference) {
      references_.push_back({begun_, before.path(), attribute->name});
    }
  }
}

bool Script::failed(std::string_view verb, const std::vector<std::string>& words, std::string_view error,
                    config::Editor& editor) {
  const bool leaves = verb == "next" || verb == "end";
  const bool follows = leaves && std::any_of(mistaken_.begin(), mistaken_.end(),
                                             [&](const std::string& place) { return error.starts_with(place); });
  if (!follows) ++wrong_;
  if (first_wrong_ == 0) first_wrong_ = begun_;
  if (wrong_ >= kMaxWrong && stopped_at_ == 0) stopped_at_ = read_ + 1;
  if (verb == "config") {
    skip_ = Skip{false, 1};
  } else if (verb == "edit") {
    skip_ = Skip{true, 0};
  } else if (leaves && !way_.empty()) {
    // What was typed in the entry is wrong; the text goes on behind it all the same.
    if (verb == "end" && editor.in_object() && !editor.levels().back().table->single()) way_.pop_back();
    editor = way_.back();
    way_.pop_back();
  } else if (verb == "set" && words.size() > 1) {
    if (const auto* attribute = named_attribute(editor, words[1])) {
      mistaken_.push_back(fmt::format("{}: {}:", config::describe(editor.path()), attribute->name));
    }
  } else if (verb.empty()) {
    unknown_before_ = true;
  }
  return !follows;
}

void Script::not_run(bool changes) {
  ++not_run_;
  if (changes && stopped_at_ == 0) stopped_at_ = begun_;
}

void Script::committed() {
  in_force_up_to_ = begun_ > 0 ? begun_ - 1 : 0;
  blocks_.clear();
  references_.clear();
  places_.clear();
}

std::vector<std::string> Script::unknown_names(const config::ConfigTree& staged) const {
  std::vector<std::string> out;
  if (skipped_ > 0) return out;
  // A later line may have given it other values: the last one counts.
  std::unordered_map<std::string, std::size_t> last;
  const auto place = [](const Reference& r) { return config::describe(r.path) + '\n' + r.attribute; };
  for (const auto& r : references_) last[place(r)] = r.line;
  for (auto it = references_.begin(); it != references_.end(); ++it) {
    const bool later = last[place(*it)] != it->line;
    const config::Table* table = config::find_table(staged.schema(), it->path);
    const config::Object* object = staged.find(it->path);
    if (later || !table || !object) continue;
    const auto* attribute = table->attribute(it->attribute);
    for (const auto& name : config::ObjectView(*table, *object).values(it->attribute)) {
      const auto& targets = attribute->references;
      if (std::any_of(targets.begin(), targets.end(),
                      [&](const std::string& target) { return staged.find({{target, name}}) != nullptr; })) {
        continue;
      }
      out.push_back(fmt::format("line {}: {}: {}: there is no \"{}\" in {}", it->line, config::describe(it->path),
                                it->attribute, name, join(targets, " or ")));
      if (out.size() == kMaxWrong) return out;
    }
  }
  return out;
}

std::string Script::blame(std::string_view error) const {
  std::size_t longest = 0, line = 0;
  for (const auto& [place, at] : places_) {
    if (place.size() > longest && error.starts_with(place) && error.substr(place.size()).starts_with(':')) {
      longest = place.size();
      line = at;
    }
  }
  return line == 0 ? std::string() : fmt::format("line {}: ", line);
}

std::string Script::verdict() const {
  std::string out = lines(wrong_) + " wrong: ";
  out += in_force_up_to_ == 0 ? "nothing was changed"
         : in_force_up_to_ == 1 ? "line 1 was carried out, nothing behind it was changed"
                                : fmt::format("lines 1 to {} were carried out, nothing behind them was changed",
                                              in_force_up_to_);
  if (not_run_ > 0) out += fmt::format("; no command behind line {} was run", first_wrong_);
  if (skipped_ > 0) out += fmt::format("; {} in blocks that begin wrong and not judged", lines(skipped_));
  if (stopped_at_ != 0 && stopped_at_ <= read_) {
    out += fmt::format("; line {} and what follows it was not looked at", stopped_at_);
  }
  return out;
}

}  // namespace postern::gateway::cli
