#pragma once
// What a population keeps of each endpoint by itself: which facts it has, when each was collected, and the values that
// are its own (a host's name, its addresses), which no dictionary would make smaller. About one byte per fact beside
// the values: endpoints that report the same facts share the list of them, and facts collected together share the time.
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "posture/population/blobs.h"
#include "posture/population/planes.h"
#include "posture/population/shapes.h"

namespace postern::posture {

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
  /// Where a key stands in the lists that endpoints share, as it was found last. Good until the next change.
  struct Hint {
    const RowKey* list = nullptr;
    std::size_t at = 0;
  };
  /// When a fact was collected. REQUIRES: the endpoint has it.
  WallTime time(Slot slot, KeyId key, Hint& hint) const;
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
  void write_time(Row& row, const Parts& parts, std::size_t fact, bool there, WallTime at);
  void write_one_of_many(Row& row, const Parts& parts, std::size_t fact, bool there, WallTime at);
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
