#include "posture/population/pages.h"

#include <bit>
#include <new>

namespace postern::posture {

std::size_t PageStore::place(std::size_t size) { return static_cast<std::size_t>(std::countr_zero(size)) - 10; }

void* PageStore::take(std::size_t size) {
  Free*& free = free_[place(size)];
  if (free != nullptr) {
    Free* page = free;
    free = page->next;
    return page;
  }
  if (used_ + size > kHugePiece) {
    // What is left of the last piece becomes free pages of the smaller sizes.
    for (std::size_t rest = kHugePiece - used_; rest >= 1024; rest = kHugePiece - used_) {
      const std::size_t part = std::bit_floor(rest);
      void* page = pieces_.back().get() + used_;
      used_ += part;
      give(page, part);
    }
    pieces_.push_back(take_huge_piece());
    used_ = 0;
  }
  void* page = pieces_.back().get() + used_;
  used_ += size;
  return page;
}

void PageStore::give(void* page, std::size_t size) {
  Free*& free = free_[place(size)];
  free = new (page) Free{free};
}

std::size_t PageStore::memory_bytes() const { return pieces_.size() * kHugePiece; }

}  // namespace postern::posture
