#include "posture/population/shapes.h"

#include <algorithm>

#include "posture/population/dictionary.h"

namespace postern::posture {

/// Where the list stands in the index, or the empty place that it would take.
std::size_t Shapes::find(std::span<const RowKey> keys, std::uint32_t hash) const {
  const std::size_t mask = index_.size() - 1;
  for (std::size_t at = hash & mask;; at = (at + 1) & mask) {
    const Place& place = index_[at];
    if (place.id == 0 || (place.hash == hash && std::ranges::equal(this->keys(place.id), keys))) return at;
  }
}

void Shapes::grow() {
  std::vector<Place> more(std::max<std::size_t>(index_.size() * 2, 16));
  const std::size_t mask = more.size() - 1;
  for (const Place& place : index_) {
    if (place.id == 0) continue;
    std::size_t at = place.hash & mask;
    while (more[at].id != 0) at = (at + 1) & mask;
    more[at] = place;
  }
  index_ = std::move(more);
}

/// Those behind it that could have stood here move up, so that a search may end at the first empty place.
void Shapes::empty_place(std::size_t at) {
  const std::size_t mask = index_.size() - 1;
  for (std::size_t next = (at + 1) & mask; index_[next].id != 0; next = (next + 1) & mask) {
    const std::size_t wanted = index_[next].hash & mask;
    if (((next - wanted) & mask) < ((next - at) & mask)) continue;
    index_[at] = index_[next];
    at = next;
  }
  index_[at] = {};
}

Shapes::Id Shapes::use(std::span<const RowKey> keys) {
  if (keys.empty()) return 0;
  const std::uint32_t hash = hash_of({reinterpret_cast<const char*>(keys.data()), keys.size_bytes()});
  if ((distinct_ + 1) * 2 > index_.size()) grow();
  const std::size_t at = find(keys, hash);
  if (const Id there = index_[at].id; there != 0) {
    ++entries_[there].users;
    return there;
  }
  auto list = std::make_unique_for_overwrite<RowKey[]>(keys.size());
  std::ranges::copy(keys, list.get());
  auto id = static_cast<Id>(entries_.size());
  if (free_.empty()) {
    entries_.emplace_back();
  } else {
    id = free_.back();
    free_.pop_back();
  }
  Entry& entry = entries_[id];
  entry.keys = std::move(list);
  entry.own = std::ranges::any_of(keys, is_own) ? 1 : 0;
  entry.count = static_cast<std::uint32_t>(keys.size() & 0x7FFF'FFFF);
  entry.users = 1;
  entry.hash = hash;
  index_[at] = {hash, id};
  ++distinct_;
  return id;
}

void Shapes::drop(Id id) {
  if (id == 0 || --entries_[id].users > 0) return;
  const std::size_t mask = index_.size() - 1;
  std::size_t at = entries_[id].hash & mask;
  while (index_[at].id != id) at = (at + 1) & mask;
  empty_place(at);
  entries_[id] = {};
  free_.push_back(id);
  --distinct_;
}

void Shapes::prefetch(Id id) const {
  const auto list = keys(id);
  const auto* bytes = reinterpret_cast<const std::byte*>(list.data());
  for (std::size_t at = 0; at < std::min<std::size_t>(list.size_bytes(), 512); at += 64) __builtin_prefetch(bytes + at);
}

std::size_t Shapes::memory_bytes() const {
  std::size_t bytes =
      entries_.capacity() * sizeof(Entry) + free_.capacity() * sizeof(Id) + index_.capacity() * sizeof(Place);
  // An allocation takes a multiple of 16 bytes, 8 of them its own.
  for (const Entry& entry : entries_) {
    if (entry.users > 0) bytes += (entry.count * sizeof(RowKey) + 8 + 15) / 16 * 16;
  }
  return bytes;
}

}  // namespace postern::posture
