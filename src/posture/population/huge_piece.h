#pragma once
// Memory that the kernel may back with one huge page: what is read anywhere among a million endpoints would otherwise
// miss the TLB more often than the cache.
#include <cstddef>
#include <memory>

namespace postern::posture {

struct FreeMemory {
  void operator()(std::byte* memory) const;
};
using OwnedMemory = std::unique_ptr<std::byte[], FreeMemory>;

inline constexpr std::size_t kHugePiece = std::size_t{2} << 20;

/// kHugePiece bytes, aligned to as many; not zeroed. Throws std::bad_alloc.
OwnedMemory take_huge_piece();
/// Any number of bytes, aligned as malloc does; not zeroed. Throws std::bad_alloc.
OwnedMemory take_memory(std::size_t size);

}  // namespace postern::posture
