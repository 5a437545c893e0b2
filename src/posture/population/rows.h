#pragma once
// What a population keeps of each endpoint by itself: which facts it has, when each was collected, and the values that
// are its own (a host's name, its addresses), which no dictionary would make smaller. About one byte per fact beside
// the values: endpoints that report the same facts share the list of them, and facts collected together share the time.
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "posture/population/blobs.h"
#include "posture/population/planes.h"

namespace postern::posture {

/// A fact's key by number. Given again when no fact and no rule has it.
using KeyId = std::uint32_t;

/// A fact of an endpoint: its key, and whether its value stands in the row. Ordered by key.
using RowKey = std::uint32_t;
constexpr RowKey row_key(KeyId key, bool own) { return key << 1 | (own ? 1 : 0); }
constexpr KeyId key_of(RowKey key) { return key >> 1; }
constexpr bool is_own(RowKey key) { return (key & 1) != 0; }

/// Sorted lists of facts, each kept once. Thread: one writer; readers beside readers.
class Shapes {
 public:
  using Id = std::uint32_t;  ///< 0: no keys.

  Id use(std::span<const RowKey> keys);
  void drop(Id id);
  std::span<const RowKey> keys(Id id) const { return {entries_[id].keys, entries_[id].count}; }
  bool has_own(Id id) const { return entries_[id].own != 0; }
  /// First where the list stands, and a little later the list.
  void prefetch_place(Id id) const { __builtin_prefetch(&entries_[id]); }
  void prefetch(Id id) const;
  std::size_t memory_bytes() const;

 private:
  using Keys = std::vector<RowKey>;
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::span<const RowKey> keys) const;
  };
  struct Equal {
    using is_transparent = void;
    bool operator()(std::span<const RowKey> a, std::span<const RowKey> b) const;
  };
  struct Entry {
    const RowKey* keys = nullptr;  ///< Of ids_.
    std::uint32_t own : 1 = 0;  ///< Some value stands in the row.
    std::uint32_t count : 31 = 0;
    std::uint32_t users = 0;
  };
  std::vector<Entry> entries_{{nullptr, 0, 0, 1}};
  std::vector<Id> free_;
  std::unordered_map<Keys, Id, Hash, Equal> ids_;
};

/// Thread: one writer; readers beside readers.
class Rows {
 public:
  struct Cell {
    WallTime at{};
    std::string_view own;  ///< Empty: the value stands elsewhere. Valid until the next change.
  };

  explicit Rows(BlobStore& blobs) : blobs_(&blobs) {}

  std::span<const RowKey> keys(Slot slot) const;
  /// False: the endpoint has no such fact.
  bool find(Slot slot, KeyId key, Cell& out) const;
  /// All of them, in the order of keys(slot).
  void read(Slot slot, std::vector<Cell>& out) const;

  void set(Slot slot, KeyId key, Cell cell);
  /// Of a fact whose value stands elsewhere. False: it was there with this time.
  bool set_time(Slot slot, KeyId key, WallTime at);
  /// In place of all it has. `keys` ascend; a cell for each, with a value where the key says so.
  void assign(Slot slot, std::span<const RowKey> keys, std::span<const Cell> cells);
  void erase(Slot slot, KeyId key);
  void clear(Slot slot);
  /// Asks for what set_time() will read, in three steps with other work between them, as each follows from the one
  /// before: where the row stands, the row, the list of its facts.
  void prefetch_place(Slot slot) const { __builtin_prefetch(rows_.data() + slot); }
  void prefetch(Slot slot) const;
  void prefetch_keys(Slot slot) const;
  std::size_t memory_bytes() const;  ///< Without the BlobStore's.

 private:
  struct Row {
    Shapes::Id shape = 0;
    BlobId blob = 0;
  };
  struct Parts;
  /// Facts that stand together and have the same time.
  struct Run {
    std::uint32_t length = 0, number = 0;
  };
  Parts parts(const Row& row) const;
  void write(Row& row);
  void write_time(Row& row, const Parts& parts, std::size_t fact, WallTime at);
  void write_one_of_many(Row& row, const Parts& parts, std::size_t fact, WallTime at);
  void drop_unused_times();
  void reshape(Row& row);

  BlobStore* blobs_;
  Shapes shapes_;
  std::vector<Row> rows_;
  // What is being written; here so that their memory is used again.
  std::vector<Cell> cells_;
  std::vector<RowKey> keys_;
  std::vector<std::int64_t> times_;
  std::vector<std::uint32_t> which_;
  std::vector<Run> runs_;
  std::string bytes_;
};

}  // namespace postern::posture
