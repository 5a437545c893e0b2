#pragma once
// Memory in pages of a few sizes, out of huge pieces.
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "posture/population/huge_piece.h"

namespace postern::posture {

/// Thread: one.
class PageStore {
 public:
  PageStore() = default;
  PageStore(const PageStore&) = delete;
  PageStore& operator=(const PageStore&) = delete;

  /// `size` is a power of two from 1 to 16 KiB; aligned to 64 bytes; not zeroed. Throws std::bad_alloc.
  void* take(std::size_t size);
  void give(void* page, std::size_t size);
  std::size_t memory_bytes() const;

 private:
  struct Free {
    Free* next;
  };
  static std::size_t place(std::size_t size);

  std::vector<OwnedMemory> pieces_;
  std::size_t used_ = kHugePiece;  ///< Of the last piece.
  std::array<Free*, 5> free_{};
};

}  // namespace postern::posture
