#include "posture/population/huge_piece.h"

#include <sys/mman.h>

#include <cstdlib>
#include <new>

namespace postern::posture {

void FreeMemory::operator()(std::byte* memory) const { std::free(memory); }

OwnedMemory take_huge_piece() {
  OwnedMemory out(static_cast<std::byte*>(std::aligned_alloc(kHugePiece, kHugePiece)));
  if (out == nullptr) throw std::bad_alloc();
  madvise(out.get(), kHugePiece, MADV_HUGEPAGE);  // a wish: where the kernel has none, it works all the same
  return out;
}

OwnedMemory take_memory(std::size_t size) {
  OwnedMemory out(static_cast<std::byte*>(std::malloc(size)));
  if (out == nullptr) throw std::bad_alloc();
  return out;
}

}  // namespace postern::posture
