#include "gateway/config/import/outline.h"

#include "base/text.h"

namespace postern::gateway::config::fortios {
namespace {

class OutlineBuilder {
 public:
  explicit OutlineBuilder(const std::vector<Statement>& statements) : statements_(statements) {}

  Outline build() {
    for (At at = 0; at < statements_.size(); ++at) statement(at);
    return std::move(out_);
  }

 private:
  struct Level {
    enum class Kind { kGlobal, kVdoms, kVdom, kBlock, kEntry, kTooDeep } kind;
    // Stay valid: what holds them grows only once they are left.
    Block* block = nullptr;
    Entry* entry = nullptr;
  };
  using Kind = Level::Kind;

  bool in(Kind kind) const { return !levels_.empty() && levels_.back().kind == kind; }
  bool at_tables() const { return levels_.empty() || in(Kind::kGlobal) || in(Kind::kVdom); }
  /// What has settings and tables here; nullptr: nothing.
  Entry* content() const {
    if (in(Kind::kEntry)) return levels_.back().entry;
    return in(Kind::kBlock) ? &levels_.back().block->body : nullptr;
  }

  void strange(At at) {
    if (in(Kind::kEntry)) levels_.back().entry->strange.push_back(at);
    else if (in(Kind::kBlock)) levels_.back().block->strange.push_back(at);
    else if (in(Kind::kTooDeep)) deep_home()->strange.push_back(at);
    else out_.outside.push_back(at);
  }
  Entry* deep_home() const {
    for (auto it = levels_.rbegin(); it != levels_.rend(); ++it) {
      if (it->kind == Kind::kEntry) return it->entry;
      if (it->kind == Kind::kBlock) return &it->block->body;
    }
    return nullptr;  // only blocks and entries nest deeply
  }

  static Block& open(std::vector<Block>& blocks, At at, const std::string& name) {
    Block& block = blocks.emplace_back();
    block.table = name;
    block.at = block.body.at = at;
    block.frame.push_back(at);
    return block;
  }

  void config(At at, const std::vector<std::string>& words) {
    const std::string name = join({words.begin() + 1, words.end()}, " ");
    if (at_tables()) {
      if (levels_.empty() && (name == "global" || name == "vdom")) {
        out_.scopes.push_back(at);
        levels_.push_back({name == "global" ? Kind::kGlobal : Kind::kVdoms});
        return;
      }
      open(out_.blocks, at, name).vdom = in(Kind::kVdom) ? vdom_ : "";
      levels_.push_back({Kind::kBlock, &out_.blocks.back()});
      return;
    }
    Entry* parent = content();
    if (!parent || levels_.size() >= 2 * kMaxDepth) {
      strange(at);
      if (parent || in(Kind::kTooDeep)) levels_.push_back({Kind::kTooDeep});
      return;
    }
    open(parent->blocks, at, name);
    levels_.push_back({Kind::kBlock, &parent->blocks.back()});
  }

  void edit(At at, const std::vector<std::string>& words) {
    if (in(Kind::kVdoms)) {
      vdom_ = words[1];
      out_.scopes.push_back(at);
      levels_.push_back({Kind::kVdom});
      return;
    }
    if (in(Kind::kEntry)) levels_.pop_back();  // next is missing: the entry stays open
    if (!in(Kind::kBlock)) return strange(at);
    auto& entries = levels_.back().block->entries;
    Entry& entry = entries.emplace_back();
    entry.key = words[1];
    entry.at = at;
    entry.frame.push_back(at);
    levels_.push_back({Kind::kEntry, nullptr, &entry});
  }

  void next(At at) {
    if (in(Kind::kVdom)) {
      out_.scopes.push_back(at);
    } else if (in(Kind::kEntry)) {
      levels_.back().entry->frame.push_back(at);
      levels_.back().entry->closed = true;
    } else {
      return strange(at);
    }
    levels_.pop_back();
  }

  void end(At at) {
    if (levels_.empty() || in(Kind::kTooDeep)) {
      strange(at);
      if (!levels_.empty()) levels_.pop_back();
      return;
    }
    if (in(Kind::kEntry)) {
      levels_.back().entry->closed = true;
      levels_.pop_back();
    }
    if (in(Kind::kBlock)) {
      levels_.back().block->frame.push_back(at);
      levels_.back().block->body.closed = true;
    } else {
      out_.scopes.push_back(at);
      if (in(Kind::kVdom)) levels_.pop_back();
    }
    levels_.pop_back();
  }

  void statement(At at) {
    const auto& s = statements_[at];
    if (!s.broken.empty() || s.words.empty()) return strange(at);
    const auto& command = s.words[0];
    const auto count = s.words.size();
    if (command == "config" && count > 1) return config(at, s.words);
    if (command == "end" && count == 1) return end(at);
    if (in(Kind::kTooDeep)) return strange(at);
    if (command == "edit" && count == 2) return edit(at, s.words);
    if (command == "next" && count == 1) return next(at);
    Entry* home = content();
    const bool changes = command == "set" || command == "unset" || command == "append";
    if (!home || !changes || count < 2 || (command != "unset" && count < 3)) return strange(at);
    home->settings.push_back({at, command, s.words[1], {s.words.begin() + 2, s.words.end()}});
  }

  const std::vector<Statement>& statements_;
  Outline out_;
  std::vector<Level> levels_;
  std::string vdom_;
};

}  // namespace

Outline outline_of(const std::vector<Statement>& statements) { return OutlineBuilder(statements).build(); }

void collect(const Entry& entry, std::vector<At>& out) {
  out.insert(out.end(), entry.frame.begin(), entry.frame.end());
  out.insert(out.end(), entry.strange.begin(), entry.strange.end());
  for (const auto& s : entry.settings) out.push_back(s.at);
  for (const auto& b : entry.blocks) collect(b, out);
}

void collect(const Block& block, std::vector<At>& out) {
  out.insert(out.end(), block.frame.begin(), block.frame.end());
  out.insert(out.end(), block.strange.begin(), block.strange.end());
  collect(block.body, out);
  for (const auto& e : block.entries) collect(e, out);
}

}  // namespace postern::gateway::config::fortios
