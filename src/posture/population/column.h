#pragma once
// One code per endpoint: what all endpoints say of one fact. In pages of 4096 slots, each as wide as its largest code
// needs: nothing where nobody reported it, a short sorted list where few did, else one, two or four bytes per slot.
#include <cstdint>
#include <span>
#include <vector>

#include "posture/population/dictionary.h"
#include "posture/population/pages.h"
#include "posture/population/planes.h"

namespace postern::posture {

/// Thread: one writer; readers beside readers.
class Column {
 public:
  enum class Width : std::uint8_t { kNone, kFew, k8, k16, k32 };
  struct Few {
    std::uint16_t at = 0;  ///< Slot within the page.
    std::uint16_t unused = 0;
    Code code = 0;
  };

  explicit Column(PageStore& pages) : store_(&pages) {}
  ~Column() { clear(); }
  Column(Column&& other) noexcept;
  Column& operator=(Column&&) = delete;

  Code at(Slot slot) const;
  void set(Slot slot, Code code);
  void clear();

  Width width(std::size_t page) const { return page < pages_.size() ? pages_[page].width : Width::kNone; }
  /// REQUIRES: width(page) is that of the type: std::uint8_t, std::uint16_t or std::uint32_t, kPageSlots of them.
  const void* data(std::size_t page) const { return pages_[page].data; }
  /// REQUIRES: width(page) == kFew. Ascending by slot.
  std::span<const Few> few(std::size_t page) const;

  /// A page's codes. Beside them stands what it takes to read one: a directory tells all about it.
  struct Page {
    void* data = nullptr;
    std::uint16_t count = 0;  ///< Of kFew.
    std::uint16_t capacity = 0;
    Width width = Width::kNone;

    Code at(std::size_t at) const;
    void prefetch(std::size_t at) const;
  };
  std::size_t pages() const { return pages_.size(); }
  /// Where they stand, until a set() makes them more.
  const Page* directory() const { return pages_.data(); }
  void prefetch_directory(Slot slot) const { __builtin_prefetch(pages_.data() + slot / kPageSlots); }
  void prefetch(Slot slot) const;
  /// Without what its pages take of the PageStore.
  std::size_t memory_bytes() const;

 private:
  void set_few(Page& page, std::uint16_t at, Code code);
  void widen(Page& page, Width width);
  void release(Page& page);

  PageStore* store_;
  std::vector<Page> pages_;
};

inline Code Column::Page::at(std::size_t at) const {
  switch (width) {
    case Width::k8:
      return static_cast<const std::uint8_t*>(data)[at];
    case Width::k16:
      return static_cast<const std::uint16_t*>(data)[at];
    case Width::k32:
      return static_cast<const std::uint32_t*>(data)[at];
    case Width::kNone:
      return 0;
    case Width::kFew:
      break;
  }
  for (const Few* one = static_cast<const Few*>(data); one != static_cast<const Few*>(data) + count; ++one) {
    if (one->at >= at) return one->at == at ? one->code : 0;
  }
  return 0;
}

inline void Column::Page::prefetch(std::size_t at) const {
  // One, two or four bytes each; what a short list has stands close together.
  const std::size_t offset = width <= Width::kFew ? 0 : at << (static_cast<unsigned>(width) - static_cast<unsigned>(Width::k8));
  __builtin_prefetch(static_cast<const std::byte*>(data) + offset);
}

inline Code Column::at(Slot slot) const {
  const std::size_t index = slot / kPageSlots;
  return index < pages_.size() ? pages_[index].at(slot % kPageSlots) : 0;
}

inline void Column::prefetch(Slot slot) const {
  const std::size_t index = slot / kPageSlots;
  if (index < pages_.size()) pages_[index].prefetch(slot % kPageSlots);
}

}  // namespace postern::posture
