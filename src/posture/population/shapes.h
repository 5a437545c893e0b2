#pragma once
// Which facts an endpoint has, as a list that all endpoints with the same facts share.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace postern::posture {

/// A fact's key by number. Given again when no fact and no rule has it.
using KeyId = std::uint32_t;

/// A fact of an endpoint: its key, and whether its value stands in the row. Ordered by key.
using RowKey = std::uint32_t;
constexpr RowKey row_key(KeyId key, bool own) { return key << 1 | (own ? 1 : 0); }
constexpr KeyId key_of(RowKey key) { return key >> 1; }
constexpr bool is_own(RowKey key) { return (key & 1) != 0; }

/// Sorted lists of facts, each kept once. An endpoint that reports a fact for the first time takes another of them, so
/// finding, adding and dropping one cost a cache miss or two, however many there are.
/// Thread: one writer; readers beside readers.
class Shapes {
 public:
  using Id = std::uint32_t;  ///< 0: no keys.

  /// `keys` ascend; they may be another shape's. Throws std::bad_alloc.
  Id use(std::span<const RowKey> keys);
  void drop(Id id);
  std::span<const RowKey> keys(Id id) const { return {entries_[id].keys.get(), entries_[id].count}; }
  bool has_own(Id id) const { return entries_[id].own != 0; }
  /// First where the list stands, and a little later the list.
  void prefetch_place(Id id) const { __builtin_prefetch(&entries_[id]); }
  void prefetch(Id id) const;
  /// What drop(id) will look for.
  void prefetch_drop(Id id) const {
    if (!index_.empty()) __builtin_prefetch(&index_[entries_[id].hash & (index_.size() - 1)]);
  }
  std::size_t memory_bytes() const;

 private:
  struct Entry {
    std::unique_ptr<RowKey[]> keys;
    std::uint32_t own : 1 = 0;  ///< Some value stands in the row.
    std::uint32_t count : 31 = 0;
    std::uint32_t users = 0;  ///< 0: free.
    std::uint32_t hash = 0;
  };
  /// Of a hash table with open addressing: what it takes to pass others without looking at their entries.
  struct Place {
    std::uint32_t hash = 0;
    Id id = 0;  ///< 0: empty.
  };
  std::size_t find(std::span<const RowKey> keys, std::uint32_t hash) const;
  void grow();
  void empty_place(std::size_t at);

  std::vector<Entry> entries_ = std::vector<Entry>(1);
  std::vector<Id> free_;
  std::vector<Place> index_;  ///< A power of two of them, at most half in use.
  std::size_t distinct_ = 0;
};

}  // namespace postern::posture
