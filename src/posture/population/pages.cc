#include "posture/population/pages.h"

#include <sys/mman.h>

#include <bit>
#include <cstdlib>
#include <new>

namespace postern::posture {

PageStore::~PageStore() {
  for (void* piece : pieces_) std::free(piece);
}

std::size_t PageStore::place(std::size_t size) { return static_cast<std::size_t>(std::countr_zero(size)) - 10; }

void* PageStore::take(std::size_t size) {
  Free*& free = free_[place(size)];
  if (free != nullptr) {
    Free* page = free;
    free = page->next;
    return page;
  }
  if (used_ + size > kPiece) {
    // What is left of the last piece becomes free pages of the smaller sizes.
    for (std::size_t rest = kPiece - used_; rest >= 1024; rest = kPiece - used_) {
      const std::size_t part = std::bit_floor(rest);
      void* page = static_cast<std::byte*>(pieces_.back()) + used_;
      used_ += part;
      give(page, part);
    }
    void* piece = std::aligned_alloc(kPiece, kPiece);
    if (piece == nullptr) throw std::bad_alloc();
    madvise(piece, kPiece, MADV_HUGEPAGE);  // a wish: where the kernel has none, it works all the same
    pieces_.push_back(piece);
    used_ = 0;
  }
  void* page = static_cast<std::byte*>(pieces_.back()) + used_;
  used_ += size;
  return page;
}

void PageStore::give(void* page, std::size_t size) {
  Free*& free = free_[place(size)];
  free = new (page) Free{free};
}

std::size_t PageStore::memory_bytes() const { return pieces_.size() * kPiece; }

}  // namespace postern::posture
