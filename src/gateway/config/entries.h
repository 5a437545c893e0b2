#pragma once
// Entries of tables by their keys, for what compares whole configurations.
#include <string_view>
#include <unordered_map>
#include <vector>

#include "gateway/config/schema.h"

namespace postern::gateway::config {

/// Those of a table of `parent`; none where there is no parent.
inline const std::vector<Object>& entries_of(const Object* parent, std::string_view table) {
  static const std::vector<Object> none;
  if (parent == nullptr) return none;
  const auto it = parent->tables.find(table);
  return it == parent->tables.end() ? none : it->second;
}

/// Valid as long as the entries stay where they are.
class EntryIndex {
 public:
  explicit EntryIndex(const std::vector<Object>& entries) {
    for (const auto& o : entries) by_key_.emplace(o.key, &o);
  }
  const Object* find(std::string_view key) const {
    const auto it = by_key_.find(key);
    return it == by_key_.end() ? nullptr : it->second;
  }
  bool has(std::string_view key) const { return by_key_.contains(key); }

 private:
  std::unordered_map<std::string_view, const Object*> by_key_;
};

/// A single object that was merely entered says as much as none.
inline bool says_nothing(const Object& object) { return object.values.empty() && object.tables.empty(); }
inline bool same_entries(const Table& table, const std::vector<Object>& a, const std::vector<Object>& b) {
  if (!table.single()) return a == b;
  const bool none_a = a.empty() || says_nothing(a.front()), none_b = b.empty() || says_nothing(b.front());
  return none_a || none_b ? none_a == none_b : a == b;
}

}  // namespace postern::gateway::config
