#pragma once
// Verdicts of many endpoints as bits. An endpoint's place in a population is its slot; 256 slots make a line, one cache
// line that holds for each of them "match" and "match or unknown". In this form Kleene's and, or and not are the same
// few operations on whole lines: and = &, or = |, not = complement with the halves exchanged.
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "posture/population/pages.h"
#include "posture/verdict.h"

namespace postern::posture {

/// An endpoint's place in a population. Given again after it was removed.
using Slot = std::uint32_t;

inline constexpr std::size_t kLineWords = 4;
inline constexpr std::size_t kLineSlots = 64 * kLineWords;
inline constexpr std::size_t kPageLines = 16;
inline constexpr std::size_t kPageSlots = kPageLines * kLineSlots;

/// `has` is never set where `maybe` isn't.
struct alignas(64) Line {
  std::uint64_t has[kLineWords];
  std::uint64_t maybe[kLineWords];
  friend bool operator==(const Line&, const Line&) = default;
};
static_assert(sizeof(Line) == 64);

using PlanePage = std::array<Line, kPageLines>;

/// The page on which every slot has this verdict. Static storage: nobody writes to it.
const PlanePage& uniform_page(Verdict verdict);

/// One verdict per slot. Pages on which all are alike take no memory. Thread: one writer; readers beside readers.
class Plane {
 public:
  /// `pages` outlives it. A plane without pages has the verdict `otherwise` everywhere.
  Plane(PageStore& pages, Verdict otherwise) : store_(&pages), otherwise_(otherwise) {}
  ~Plane() { clear(); }
  Plane(Plane&& other) noexcept;
  Plane& operator=(Plane&& other) noexcept;

  Verdict at(Slot slot) const;
  /// True if it was another.
  bool set(Slot slot, Verdict verdict) {
    if (at(slot) == verdict) return false;
    put(slot, verdict);
    return true;
  }
  /// Whatever it was.
  void put(Slot slot, Verdict verdict);
  /// Pages beyond the last are uniform.
  const PlanePage& page(std::size_t index) const;
  /// A page to write to, with what it held.
  PlanePage& writable(std::size_t index);
  /// Gives back the memory of a page that has become uniform.
  void settle(std::size_t index);
  /// Every slot has `verdict` from here on.
  void fill(Verdict verdict);
  /// Slots from page `pages` on have `verdict`; those before keep theirs.
  void continue_with(Verdict verdict, std::size_t pages);
  void prefetch_directory(Slot slot) const { __builtin_prefetch(pages_.data() + slot / kPageSlots); }
  void prefetch(Slot slot) const {
    const std::size_t index = slot / kPageSlots;
    if (index < pages_.size()) __builtin_prefetch(&(*pages_[index])[slot % kPageSlots / kLineSlots]);
  }
  std::size_t directory_bytes() const { return pages_.capacity() * sizeof(pages_[0]); }

 private:
  void clear();

  PageStore* store_;
  Verdict otherwise_;
  std::vector<const PlanePage*> pages_;
};

inline Verdict verdict_in(const Line& line, std::size_t bit) {
  const auto word = bit / 64, at = bit % 64;
  return static_cast<Verdict>((line.has[word] >> at & 1) + (line.maybe[word] >> at & 1));
}

inline Verdict Plane::at(Slot slot) const {
  const std::size_t index = slot / kPageSlots;
  if (index >= pages_.size()) return otherwise_;
  return verdict_in((*pages_[index])[slot % kPageSlots / kLineSlots], slot % kLineSlots);
}

}  // namespace postern::posture
