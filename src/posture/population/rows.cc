#include "posture/population/rows.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "posture/population/dictionary.h"
#include "posture/population/fact_codec.h"

namespace postern::posture {
namespace {

// A row: how many distinct times, twice, plus one if they take eight bytes instead of six; the times; for each fact the
// number of its time (no bytes if there is one time, half a byte, one or four); how many values follow, and each with the
// number of its fact and its length.

static_assert(std::endian::native == std::endian::little);
constexpr std::size_t kShortTime = 6, kLongTime = 8;

bool is_short(std::int64_t time) { return time >= -(std::int64_t{1} << 47) && time < std::int64_t{1} << 47; }

/// Bits of a time's number.
unsigned bits_for(std::size_t times) { return times <= 1 ? 0 : times <= 16 ? 4 : times <= 256 ? 8 : 32; }

std::int64_t time_at(std::string_view times, std::size_t width, std::size_t at) {
  std::uint64_t bits = 0;
  std::memcpy(&bits, times.data() + at * width, width);
  const auto unused = static_cast<unsigned>(8 * (8 - width));
  return static_cast<std::int64_t>(bits << unused) >> unused;  // with its sign
}

std::size_t number_at(std::string_view numbers, unsigned bits, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<std::size_t>(static_cast<unsigned char>(numbers[i])); };
  switch (bits) {
    case 0: return 0;
    case 4: return byte(at / 2) >> (at % 2 * 4) & 15;
    case 8: return byte(at);
    default: return byte(4 * at) | byte(4 * at + 1) << 8 | byte(4 * at + 2) << 16 | byte(4 * at + 3) << 24;
  }
}

/// A row's parts, in place.
struct RowParts {
  std::string_view times, numbers, own;
  std::size_t width = 0, count = 0;
  unsigned bits = 0;

  RowParts(std::string_view row, std::size_t facts) {
    std::uint64_t head = 0;
    take_number(row, head);
    width = (head & 1) != 0 ? kLongTime : kShortTime;
    count = head >> 1;
    bits = bits_for(count);
    times = row.substr(0, count * width);
    row.remove_prefix(times.size());
    numbers = row.substr(0, (facts * bits + 7) / 8);
    own = row.substr(numbers.size());
  }
  WallTime time(std::size_t fact) const { return from_unix_ms(time_at(times, width, number_at(numbers, bits, fact))); }
  std::size_t own_size() const {
    std::string_view rest = own;
    std::uint64_t values = 0, number = 0, size = 0;
    take_number(rest, values);
    for (; values > 0; --values) {
      take_number(rest, number);
      take_number(rest, size);
      rest.remove_prefix(size);
    }
    return own.size() - rest.size();
  }
  /// Calls `each(fact, value)`; it returns false to stop.
  template <class Each>
  void each_own(Each&& each) const {
    std::string_view rest = own;
    std::uint64_t values = 0, fact = 0, size = 0;
    take_number(rest, values);
    for (; values > 0; --values) {
      take_number(rest, fact);
      take_number(rest, size);
      if (!each(static_cast<std::size_t>(fact), rest.substr(0, size))) return;
      rest.remove_prefix(size);
    }
  }
};

void put_times(std::span<const std::int64_t> times, std::span<const std::uint32_t> which, std::string& out) {
  const bool wide = !std::ranges::all_of(times, is_short);
  put_number(times.size() << 1 | (wide ? 1 : 0), out);
  for (const std::int64_t time : times) out.append(reinterpret_cast<const char*>(&time), wide ? kLongTime : kShortTime);
  const unsigned bits = bits_for(times.size());
  const std::size_t start = out.size();
  out.resize(start + (which.size() * bits + 7) / 8);
  char* numbers = out.data() + start;
  if (bits == 4) {
    for (std::size_t i = 0; i < which.size(); ++i) numbers[i / 2] |= static_cast<char>(which[i] << (i % 2 * 4));
  } else if (bits == 8) {
    for (std::size_t i = 0; i < which.size(); ++i) numbers[i] = static_cast<char>(which[i]);
  } else if (bits == 32) {
    std::memcpy(numbers, which.data(), which.size_bytes());
  }
}

}  // namespace

std::size_t Shapes::Hash::operator()(std::span<const KeyId> keys) const {
  return hash_of({reinterpret_cast<const char*>(keys.data()), keys.size_bytes()});
}
bool Shapes::Equal::operator()(std::span<const KeyId> a, std::span<const KeyId> b) const {
  return std::ranges::equal(a, b);
}

Shapes::Id Shapes::use(std::span<const KeyId> keys) {
  if (keys.empty()) return 0;
  if (const auto it = ids_.find(keys); it != ids_.end()) {
    ++entries_[it->second].users;
    return it->second;
  }
  auto id = static_cast<Id>(entries_.size());
  if (free_.empty()) {
    entries_.emplace_back();
  } else {
    id = free_.back();
    free_.pop_back();
  }
  const auto it = ids_.emplace(Keys(keys.begin(), keys.end()), id).first;
  entries_[id] = {&it->first, 1};
  return id;
}

void Shapes::drop(Id id) {
  if (id == 0 || --entries_[id].users > 0) return;
  ids_.erase(ids_.find(*entries_[id].keys));
  entries_[id] = {};
  free_.push_back(id);
}

std::size_t Shapes::memory_bytes() const {
  std::size_t bytes = entries_.capacity() * sizeof(Entry) + ids_.bucket_count() * sizeof(void*);
  for (const auto& [keys, id] : ids_) bytes += keys.capacity() * sizeof(KeyId) + 80;
  return bytes;
}

std::span<const KeyId> Rows::keys(Slot slot) const {
  return slot < rows_.size() ? shapes_.keys(rows_[slot].shape) : std::span<const KeyId>();
}

bool Rows::find(Slot slot, KeyId key, Cell& out) const {
  const auto list = keys(slot);
  const auto place = std::lower_bound(list.begin(), list.end(), key);
  if (place == list.end() || *place != key) return false;
  const auto fact = static_cast<std::size_t>(place - list.begin());
  const RowParts row(blobs_->bytes(rows_[slot].blob), list.size());
  out = {row.time(fact), {}};
  row.each_own([&](std::size_t at, std::string_view value) {
    if (at == fact) out.own = value;
    return at < fact;
  });
  return true;
}

void Rows::read(Slot slot, std::vector<Cell>& out) const {
  const auto list = keys(slot);
  out.resize(list.size());
  if (list.empty()) return;
  const RowParts row(blobs_->bytes(rows_[slot].blob), list.size());
  for (std::size_t i = 0; i < list.size(); ++i) out[i] = {row.time(i), {}};
  row.each_own([&](std::size_t at, std::string_view value) {
    out[at].own = value;
    return true;
  });
}

void Rows::write(Row& row) {
  times_.clear();
  which_.clear();
  std::size_t own = 0;
  for (const Cell& cell : cells_) {
    const std::int64_t time = to_unix_ms(cell.at);
    const auto last = which_.empty() ? times_.end() : times_.begin() + static_cast<std::ptrdiff_t>(which_.back());
    // What was collected together mostly stands together. Beyond some times nobody searches: a number more is cheaper.
    auto place = last != times_.end() && *last == time        ? last
                 : times_.size() <= 64 ? std::find(times_.begin(), times_.end(), time)
                                       : times_.end();
    if (place == times_.end()) {
      times_.push_back(time);
      place = times_.end() - 1;
    }
    which_.push_back(static_cast<std::uint32_t>(place - times_.begin()));
    own += cell.own.empty() ? 0 : 1;
  }
  bytes_.clear();
  put_times(times_, which_, bytes_);
  put_number(own, bytes_);
  for (std::size_t i = 0; i < cells_.size(); ++i) {
    if (cells_[i].own.empty()) continue;
    put_number(i, bytes_);
    put_number(cells_[i].own.size(), bytes_);
    bytes_ += cells_[i].own;
  }
  blobs_->replace(row.blob, bytes_);
}

/// Only one fact's time changes: all else is copied as it stands.
void Rows::write_time(Row& row, std::size_t facts, std::size_t fact, WallTime at) {
  const RowParts parts(blobs_->bytes(row.blob), facts);
  const std::int64_t time = to_unix_ms(at);
  times_.clear();
  std::array<bool, 16> used{};  // beyond so many times, those that nobody has any more stay until the row is written anew
  which_.resize(facts);
  for (std::size_t i = 0; i < facts; ++i) {
    which_[i] = static_cast<std::uint32_t>(number_at(parts.numbers, parts.bits, i));
    if (i != fact && which_[i] < used.size()) used[which_[i]] = true;
  }
  std::size_t free = parts.count;
  for (std::size_t i = 0; i < parts.count; ++i) {
    times_.push_back(time_at(parts.times, parts.width, i));
    if (i < used.size() && !used[i]) free = i;
  }
  auto place = static_cast<std::size_t>(std::ranges::find(times_, time) - times_.begin());
  if (place == times_.size()) {
    place = free;
    if (free == times_.size()) times_.push_back(time);
    times_[place] = time;
  }
  which_[fact] = static_cast<std::uint32_t>(place);
  bytes_.clear();
  put_times(times_, which_, bytes_);
  bytes_ += parts.own.substr(0, parts.own_size());
  blobs_->replace(row.blob, bytes_);
}

void Rows::set(Slot slot, KeyId key, Cell cell) {
  if (slot >= rows_.size()) rows_.resize(slot + 1u);
  Row& row = rows_[slot];
  const auto list = keys(slot);
  const auto place = std::lower_bound(list.begin(), list.end(), key);
  const auto at = place - list.begin();
  if (Cell now; cell.own.empty() && place != list.end() && *place == key && find(slot, key, now) && now.own.empty())
    return write_time(row, list.size(), static_cast<std::size_t>(at), cell.at);
  read(slot, cells_);
  if (place != list.end() && *place == key) {
    cells_[static_cast<std::size_t>(at)] = cell;
  } else {
    keys_.assign(list.begin(), list.end());
    keys_.insert(keys_.begin() + at, key);
    cells_.insert(cells_.begin() + at, cell);
    const Shapes::Id before = row.shape;
    row.shape = shapes_.use(keys_);
    shapes_.drop(before);
  }
  write(row);
}

void Rows::assign(Slot slot, std::span<const KeyId> keys, std::span<const Cell> cells) {
  if (keys.empty()) return clear(slot);
  if (slot >= rows_.size()) rows_.resize(slot + 1u);
  Row& row = rows_[slot];
  const Shapes::Id before = row.shape;
  row.shape = shapes_.use(keys);
  shapes_.drop(before);
  cells_.assign(cells.begin(), cells.end());
  write(row);
}

void Rows::erase(Slot slot, KeyId key) {
  const auto list = keys(slot);
  const auto place = std::lower_bound(list.begin(), list.end(), key);
  if (place == list.end() || *place != key) return;
  if (list.size() == 1) return clear(slot);
  Row& row = rows_[slot];
  const auto at = place - list.begin();
  read(slot, cells_);
  keys_.assign(list.begin(), list.end());
  keys_.erase(keys_.begin() + at);
  cells_.erase(cells_.begin() + at);
  const Shapes::Id before = row.shape;
  row.shape = shapes_.use(keys_);
  shapes_.drop(before);
  write(row);
}

void Rows::clear(Slot slot) {
  if (slot >= rows_.size()) return;
  Row& row = rows_[slot];
  shapes_.drop(row.shape);
  blobs_->remove(row.blob);
  row = {};
}

void Rows::prefetch(Slot slot) const {
  if (slot < rows_.size()) blobs_->prefetch(rows_[slot].blob);
}

std::size_t Rows::memory_bytes() const { return rows_.capacity() * sizeof(Row) + shapes_.memory_bytes(); }

}  // namespace postern::posture
