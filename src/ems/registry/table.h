#pragma once
// A map whose changes can be taken back until they are committed, and which knows what they were.
#include <map>
#include <optional>
#include <utility>

namespace postern::ems {

/// Thread: one. References stay valid until the entry is erased or rolled back.
template <class Key, class Value>
class Table {
 public:
  using Map = std::map<Key, Value>;
  /// What each touched entry was before; none: it was not there.
  using Before = std::map<Key, std::optional<Value>>;

  template <class K>
  const Value* find(const K& key) const {
    const auto it = rows_.find(key);
    return it == rows_.end() ? nullptr : &it->second;
  }
  const Map& all() const { return rows_; }
  std::size_t size() const { return rows_.size(); }

  /// The entry to change, made if it isn't there.
  Value& edit(const Key& key) {
    const auto it = rows_.find(key);
    if (it == rows_.end()) {
      before_.try_emplace(key, std::nullopt);
      return rows_[key];
    }
    if (before_.find(key) == before_.end()) before_.emplace(key, it->second);
    return it->second;
  }
  bool erase(const Key& key) {
    const auto it = rows_.find(key);
    if (it == rows_.end()) return false;
    before_.try_emplace(key, std::move(it->second));
    rows_.erase(it);
    return true;
  }
  /// For what is not worth a transaction of its own; null when it isn't there.
  Value* quietly(const Key& key) {
    const auto it = rows_.find(key);
    return it == rows_.end() ? nullptr : &it->second;
  }

  const Before& before() const { return before_; }
  bool touched() const { return !before_.empty(); }
  void commit() { before_.clear(); }
  void rollback() {
    for (auto& [key, value] : before_) {
      if (value) {
        rows_.insert_or_assign(key, std::move(*value));
      } else {
        rows_.erase(key);
      }
    }
    before_.clear();
  }

 private:
  Map rows_;
  Before before_;
};

}  // namespace postern::ems
