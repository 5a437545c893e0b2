#pragma once
// Many small pieces of bytes, each named by 32 bits and kept with two bytes of overhead.
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "posture/population/huge_piece.h"

namespace postern::posture {

/// 0 names none.
using BlobId = std::uint32_t;

/// Thread: one writer; readers beside readers.
class BlobStore {
 public:
  /// A copy of `bytes`. Throws std::bad_alloc, also beyond 16 GiB.
  BlobId add(std::string_view bytes);
  /// Puts other bytes in its place: where they need as much room as before, in the same place under the same id.
  void replace(BlobId& id, std::string_view bytes);
  void remove(BlobId id);
  /// Begins with what was given; up to 3 bytes (more for pieces beyond 512 bytes) may follow it. Empty for 0.
  std::string_view bytes(BlobId id) const;
  void prefetch(BlobId id) const;
  std::size_t memory_bytes() const;

 private:
  // A chunk is 2 MiB, or whatever one large piece takes; an id is chunk << 19 | offset / 4.
  static constexpr std::size_t kGrain = 4, kChunkBits = 19, kChunk = std::size_t{kGrain} << kChunkBits;
  static_assert(kChunk == kHugePiece);
  static constexpr std::size_t kLarge = kChunk / 4;
  struct Chunk {
    OwnedMemory memory;
    std::size_t size = 0;
  };
  static std::uint16_t class_of(std::size_t size);
  static std::size_t size_of(std::uint16_t klass);
  std::byte* at(BlobId id) const;
  BlobId take(std::uint16_t klass);
  BlobId take_large(std::size_t size);
  std::size_t new_chunk(std::size_t size);

  std::vector<Chunk> chunks_;
  std::vector<std::size_t> empty_;        ///< Places in chunks_.
  std::vector<BlobId> free_;              ///< By class: the first free piece, in which the next is named.
  std::size_t open_ = 0, used_ = kChunk;  ///< The chunk that is being filled, and how far.
  std::size_t memory_ = 0;
};

}  // namespace postern::posture
