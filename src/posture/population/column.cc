#include "posture/population/column.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

namespace postern::posture {
namespace {

constexpr std::size_t kMostFew = 96;  // at 8 bytes each, beside 4096 in a page of single bytes

std::size_t bytes_of(Column::Width width) {
  switch (width) {
    case Column::Width::k8:
      return kPageSlots;
    case Column::Width::k16:
      return kPageSlots * 2;
    case Column::Width::k32:
      return kPageSlots * 4;
    default:
      return 0;
  }
}

void put_code(void* data, Column::Width width, std::size_t at, Code code) {
  if (width == Column::Width::k8) static_cast<std::uint8_t*>(data)[at] = static_cast<std::uint8_t>(code);
  if (width == Column::Width::k16) static_cast<std::uint16_t*>(data)[at] = static_cast<std::uint16_t>(code);
  if (width == Column::Width::k32) static_cast<std::uint32_t*>(data)[at] = code;
}

Column::Width width_for(Code code) {
  return code <= 0xFF ? Column::Width::k8 : code <= 0xFFFF ? Column::Width::k16 : Column::Width::k32;
}

}  // namespace

Column::Column(Column&& other) noexcept : store_(other.store_), pages_(std::exchange(other.pages_, {})) {}

std::span<const Column::Few> Column::few(std::size_t page) const {
  return {static_cast<const Few*>(pages_[page].data), pages_[page].count};
}

void Column::release(Page& page) {
  if (page.width == Width::kFew) {
    std::free(page.data);
  } else if (page.width != Width::kNone) {
    store_->give(page.data, bytes_of(page.width));
  }
  page = {};
}

void Column::clear() {
  for (Page& page : pages_) release(page);
  pages_ = {};
}

void Column::widen(Page& page, Width width) {
  Page wide;
  wide.width = width;
  wide.data = store_->take(bytes_of(width));
  std::memset(wide.data, 0, bytes_of(width));
  if (page.width == Width::kFew) {
    const auto* list = static_cast<const Few*>(page.data);
    for (std::size_t i = 0; i < page.count; ++i) put_code(wide.data, width, list[i].at, list[i].code);
  } else if (page.width == Width::k8) {
    for (std::size_t i = 0; i < kPageSlots; ++i)
      put_code(wide.data, width, i, static_cast<const std::uint8_t*>(page.data)[i]);
  } else if (page.width == Width::k16) {
    for (std::size_t i = 0; i < kPageSlots; ++i)
      put_code(wide.data, width, i, static_cast<const std::uint16_t*>(page.data)[i]);
  }
  release(page);
  page = wide;
}

void Column::set_few(Page& page, std::uint16_t at, Code code) {
  auto* list = static_cast<Few*>(page.data);
  Few* end = list + page.count;
  Few* place = std::lower_bound(list, end, at, [](const Few& one, std::uint16_t value) { return one.at < value; });
  if (place != end && place->at == at) {
    if (code != 0) {
      place->code = code;
      return;
    }
    std::move(place + 1, end, place);
    if (--page.count == 0) release(page);
    return;
  }
  if (code == 0) return;
  if (page.count == kMostFew) {
    Code largest = code;
    for (const Few* one = list; one != end; ++one) largest = std::max(largest, one->code);
    widen(page, width_for(largest));
    put_code(page.data, page.width, at, code);
    return;
  }
  if (page.count == page.capacity) {
    const std::size_t offset = static_cast<std::size_t>(place - list);
    const auto capacity = static_cast<std::uint16_t>(page.capacity + page.capacity / 2 + 1);
    auto* more = static_cast<Few*>(std::realloc(page.data, capacity * sizeof(Few)));
    if (more == nullptr) throw std::bad_alloc();
    page.data = list = more;
    page.capacity = capacity;
    page.width = Width::kFew;
    place = list + offset;
    end = list + page.count;
  }
  std::move_backward(place, end, end + 1);
  *place = {at, 0, code};
  ++page.count;
}

void Column::set(Slot slot, Code code) {
  const std::size_t index = slot / kPageSlots;
  const auto at = static_cast<std::uint16_t>(slot % kPageSlots);
  if (index >= pages_.size()) {
    if (code == 0) return;
    pages_.resize(index + 1);
  }
  Page& page = pages_[index];
  if (page.width <= Width::kFew) return set_few(page, at, code);
  if (width_for(code) > page.width) widen(page, width_for(code));
  put_code(page.data, page.width, at, code);
}

std::size_t Column::memory_bytes() const {
  std::size_t bytes = pages_.capacity() * sizeof(Page);
  for (const Page& page : pages_) {
    if (page.width == Width::kFew) bytes += page.capacity * sizeof(Few) + 16;
  }
  return bytes;
}

}  // namespace postern::posture
