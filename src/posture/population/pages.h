#pragma once
// Memory in pages of a few sizes, taken from the kernel in pieces that it can back with huge pages: what is read across
// a million endpoints would otherwise miss the TLB more often than the cache.
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace postern::posture {

/// Thread: one.
class PageStore {
 public:
  PageStore() = default;
  ~PageStore();
  PageStore(const PageStore&) = delete;
  PageStore& operator=(const PageStore&) = delete;

  /// `size` is a power of two from 1 to 16 KiB; aligned to 64 bytes; not zeroed. Throws std::bad_alloc.
  void* take(std::size_t size);
  void give(void* page, std::size_t size);
  std::size_t memory_bytes() const;

 private:
  static constexpr std::size_t kPiece = std::size_t{2} << 20;
  struct Free {
    Free* next;
  };
  static std::size_t place(std::size_t size);

  std::vector<void*> pieces_;
  std::size_t used_ = kPiece;  ///< Of the last piece.
  std::array<Free*, 5> free_{};
};

}  // namespace postern::posture
