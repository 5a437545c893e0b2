#include "posture/population/rows.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "posture/population/dictionary.h"
#include "posture/population/fact_codec.h"

namespace postern::posture {
namespace {

// A row: how many distinct times, twice, plus one if they take eight bytes instead of six; the times; which of them is
// each fact's; then the facts' own values in their order, each behind its length. With one time nobody asks which; with
// up to sixteen a byte says it for a run of facts (collected together, they mostly stand together); with up to 256 each
// fact has a byte, and beyond that four.

static_assert(std::endian::native == std::endian::little);
constexpr std::size_t kShortTime = 6, kLongTime = 8;

bool is_short(std::int64_t time) { return time >= -(std::int64_t{1} << 47) && time < std::int64_t{1} << 47; }

constexpr std::size_t kRunTimes = 16, kRunLength = 16;

std::size_t run_length(std::size_t byte) { return (byte >> 4) + 1; }
void put_run(std::uint32_t length, std::uint32_t number, std::string& out) {
  for (std::uint32_t part = 0; length > 0; length -= part) {
    part = std::min<std::uint32_t>(length, kRunLength);
    out += static_cast<char>((part - 1) << 4 | number);
  }
}

std::int64_t time_at(std::string_view times, std::size_t width, std::size_t at) {
  std::uint64_t bits = 0;
  const char* from = times.data() + at * width;
  width == kShortTime ? std::memcpy(&bits, from, kShortTime) : std::memcpy(&bits, from, kLongTime);  // of a known size each
  const auto unused = static_cast<unsigned>(8 * (8 - width));
  return static_cast<std::int64_t>(bits << unused) >> unused;  // with its sign
}

std::size_t byte_at(std::string_view bytes, std::size_t at) { return static_cast<unsigned char>(bytes[at]); }

void put_distinct(std::span<const std::int64_t> times, std::string& out) {
  const bool wide = !std::ranges::all_of(times, is_short);
  put_number(times.size() << 1 | (wide ? 1 : 0), out);
  for (const std::int64_t time : times) out.append(reinterpret_cast<const char*>(&time), wide ? kLongTime : kShortTime);
}

void put_times(std::span<const std::int64_t> times, std::span<const std::uint32_t> which, std::string& out) {
  put_distinct(times, out);
  if (times.size() <= 1) return;
  if (times.size() <= kRunTimes) {
    for (std::size_t i = 0; i < which.size();) {
      const std::size_t start = i;
      while (i < which.size() && which[i] == which[start]) ++i;
      put_run(static_cast<std::uint32_t>(i - start), which[start], out);
    }
  } else if (times.size() <= 256) {
    for (const std::uint32_t number : which) out += static_cast<char>(number);
  } else {
    out.append(reinterpret_cast<const char*>(which.data()), which.size_bytes());
  }
}

/// Where a key stands or would stand.
std::size_t place_of(std::span<const RowKey> list, KeyId key) {
  return static_cast<std::size_t>(std::ranges::lower_bound(list, row_key(key, false)) - list.begin());
}
bool stands_at(std::span<const RowKey> list, std::size_t at, KeyId key) {
  return at < list.size() && key_of(list[at]) == key;
}

}  // namespace

/// A row's parts, in place.
struct Rows::Parts {
  std::string_view times, numbers, own;
  std::span<const RowKey> keys;
  bool has_own = false;
  std::size_t width = 0, count = 0;

  Parts(std::string_view row, std::span<const RowKey> facts, bool any_own) : keys(facts), has_own(any_own) {
    std::uint64_t head = 0;
    take_number(row, head);
    width = (head & 1) != 0 ? kLongTime : kShortTime;
    count = head >> 1;
    times = row.substr(0, count * width);
    row.remove_prefix(times.size());
    std::size_t size = count <= 1 ? 0 : count <= 256 ? keys.size() : 4 * keys.size();
    if (count > 1 && count <= kRunTimes) {
      size = 0;
      for (std::size_t covered = 0; covered < keys.size(); ++size) covered += run_length(byte_at(row, size));
    }
    numbers = row.substr(0, size);
    own = row.substr(size);
  }
  /// Calls `each(fact, number of its time)` for all facts.
  template <class Each>
  void each_number(Each&& each) const {
    if (count > 1 && count <= kRunTimes) {
      std::size_t fact = 0;
      for (std::size_t at = 0; at < numbers.size(); ++at) {
        for (std::size_t run = run_length(byte_at(numbers, at)); run > 0; --run) each(fact++, byte_at(numbers, at) & 15);
      }
      return;
    }
    for (std::size_t fact = 0; fact < keys.size(); ++fact) {
      std::uint32_t number = 0;
      if (count > 1) std::memcpy(&number, numbers.data() + (count <= 256 ? fact : 4 * fact), count <= 256 ? 1 : 4);
      each(fact, std::size_t{number});
    }
  }
  std::size_t number_of(std::size_t fact) const {
    if (count > 1 && count <= kRunTimes) {
      std::size_t at = 0;
      for (std::size_t covered = run_length(byte_at(numbers, 0)); covered <= fact; ++at)
        covered += run_length(byte_at(numbers, at + 1));
      return byte_at(numbers, at) & 15;
    }
    std::uint32_t number = 0;
    if (count > 1) std::memcpy(&number, numbers.data() + (count <= 256 ? fact : 4 * fact), count <= 256 ? 1 : 4);
    return number;
  }
  WallTime time(std::size_t number) const { return from_unix_ms(time_at(times, width, number)); }
  /// The own values without what stands behind them.
  std::string_view used_own() const {
    return has_own ? own.substr(0, each_own([](std::size_t, std::string_view) { return true; })) : std::string_view();
  }
  /// Calls `each(fact, value)`; it returns false to stop. Returns how many bytes were passed.
  template <class Each>
  std::size_t each_own(Each&& each) const {
    std::string_view rest = own;
    for (std::size_t fact = 0; fact < keys.size(); ++fact) {
      if (!is_own(keys[fact])) continue;
      std::uint64_t size = 0;
      take_number(rest, size);
      if (!each(fact, rest.substr(0, size))) break;
      rest.remove_prefix(size);
    }
    return own.size() - rest.size();
  }
};

Rows::Parts Rows::parts(const Row& row) const {
  return {blobs_->bytes(row.blob), shapes_.keys(row.shape), shapes_.has_own(row.shape)};
}

std::span<const RowKey> Rows::keys(Slot slot) const {
  return slot < rows_.size() ? shapes_.keys(rows_[slot].shape) : std::span<const RowKey>();
}

bool Rows::find(Slot slot, KeyId key, Cell& out) const {
  const auto list = keys(slot);
  const std::size_t at = place_of(list, key);
  if (!stands_at(list, at, key)) return false;
  const Parts row = parts(rows_[slot]);
  out = {row.time(row.number_of(at)), {}};
  if (!is_own(list[at])) return true;
  row.each_own([&](std::size_t fact, std::string_view value) {
    out.own = value;
    return fact < at;
  });
  return true;
}

WallTime Rows::time(Slot slot, KeyId key, Hint& hint) const {
  const auto list = keys(slot);
  if (hint.list != list.data()) hint = {list.data(), place_of(list, key)};
  const Parts row = parts(rows_[slot]);
  return row.time(row.number_of(hint.at));
}

void Rows::read(Slot slot, std::vector<Cell>& out) const {
  const auto list = keys(slot);
  out.resize(list.size());
  if (list.empty()) return;
  const Parts row = parts(rows_[slot]);
  row.each_number([&](std::size_t fact, std::size_t number) { out[fact] = {row.time(number), {}}; });
  row.each_own([&](std::size_t fact, std::string_view value) {
    out[fact].own = value;
    return true;
  });
}

void Rows::write(Row& row) {
  times_.clear();
  which_.clear();
  for (const Cell& cell : cells_) {
    const std::int64_t time = to_unix_ms(cell.at);
    const auto last = which_.empty() ? times_.end() : times_.begin() + static_cast<std::ptrdiff_t>(which_.back());
    // What was collected together mostly stands together. Beyond some times nobody searches: a number more is cheaper.
    auto place = last != times_.end() && *last == time ? last
                 : times_.size() <= 64                 ? std::find(times_.begin(), times_.end(), time)
                                                       : times_.end();
    if (place == times_.end()) {
      times_.push_back(time);
      place = times_.end() - 1;
    }
    which_.push_back(static_cast<std::uint32_t>(place - times_.begin()));
  }
  bytes_.clear();
  put_times(times_, which_, bytes_);
  for (const Cell& cell : cells_) {
    if (cell.own.empty()) continue;
    put_number(cell.own.size(), bytes_);
    bytes_ += cell.own;
  }
  blobs_->replace(row.blob, bytes_);
}

/// Only one fact's time changes or, if it isn't `there`, comes in between: all else is copied as it stands. `parts` are
/// the row's, as it was.
void Rows::write_time(Row& row, const Parts& parts, std::size_t fact, bool there, WallTime at) {
  if (parts.count > kRunTimes) return write_one_of_many(row, parts, fact, there, at);
  const std::int64_t time = to_unix_ms(at);
  // The runs, joined where neighbours have the same time, with the fact as one of its own.
  runs_.clear();
  const auto put = [this](std::uint32_t length, std::uint32_t number) {
    if (length == 0) return;
    if (!runs_.empty() && runs_.back().number == number) {
      runs_.back().length += length;
    } else {
      runs_.push_back({length, number});
    }
  };
  constexpr std::uint32_t kChanged = kRunTimes;
  std::array<bool, kRunTimes> used{};
  const auto pass = [&](std::size_t from, std::size_t length, std::uint32_t number) {
    const std::size_t end = from + length;
    if (fact < from || fact >= end) {
      used[number] = true;
      return put(static_cast<std::uint32_t>(length), number);
    }
    used[number] = used[number] || length > 1 || !there;
    put(static_cast<std::uint32_t>(fact - from), number);
    put(1, kChanged);
    put(static_cast<std::uint32_t>(end - fact - (there ? 1 : 0)), number);
  };
  if (parts.count == 1) {
    pass(0, parts.keys.size(), 0);
  } else {
    std::size_t from = 0;
    for (std::size_t i = 0; i < parts.numbers.size(); ++i) {
      const std::size_t byte = byte_at(parts.numbers, i);
      pass(from, run_length(byte), static_cast<std::uint32_t>(byte & 15));
      from += run_length(byte);
    }
  }
  if (fact == parts.keys.size()) put(1, kChanged);
  times_.clear();
  std::size_t place = parts.count, free = parts.count;
  for (std::size_t i = 0; i < parts.count; ++i) {
    times_.push_back(time_at(parts.times, parts.width, i));
    if (times_.back() == time) place = i;
    if (!used[i]) free = i;
  }
  if (place == parts.count) {
    place = free;
    if (place == kRunTimes) return write_one_of_many(row, parts, fact, there, at);
    if (place == times_.size()) times_.push_back(time);
    times_[place] = time;
  }
  bytes_.clear();
  put_distinct(times_, bytes_);
  if (times_.size() > 1) {
    Run open;
    for (const Run& run : runs_) {
      const auto number = run.number == kChanged ? static_cast<std::uint32_t>(place) : run.number;
      if (number != open.number) {
        put_run(open.length, open.number, bytes_);
        open = {0, number};
      }
      open.length += run.length;
    }
    put_run(open.length, open.number, bytes_);
  }
  bytes_ += parts.used_own();
  blobs_->replace(row.blob, bytes_);
}

void Rows::write_one_of_many(Row& row, const Parts& parts, std::size_t fact, bool there, WallTime at) {
  const std::int64_t time = to_unix_ms(at);
  times_.clear();
  // Beyond so many times, those that nobody has any more stay until the row is written anew.
  std::array<bool, kRunTimes> used{};
  which_.resize(parts.keys.size());
  parts.each_number([&](std::size_t one, std::size_t number) {
    which_[one] = static_cast<std::uint32_t>(number);
    if ((one != fact || !there) && number < used.size()) used[number] = true;
  });
  if (!there) which_.insert(which_.begin() + static_cast<std::ptrdiff_t>(fact), 0);
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
  if (times_.size() > which_.size()) drop_unused_times();
  bytes_.clear();
  put_times(times_, which_, bytes_);
  bytes_ += parts.used_own();
  blobs_->replace(row.blob, bytes_);
}

/// Of `times_`, those that no fact has any more: else each change would add one.
void Rows::drop_unused_times() {
  constexpr std::uint32_t kNobodys = ~std::uint32_t{0};
  std::vector<std::uint32_t> to(times_.size(), kNobodys);
  std::vector<std::int64_t> kept;
  for (auto& number : which_) {
    if (to[number] == kNobodys) {
      to[number] = static_cast<std::uint32_t>(kept.size());
      kept.push_back(times_[number]);
    }
    number = to[number];
  }
  times_ = std::move(kept);
}

bool Rows::set_time(Slot slot, KeyId key, WallTime at) {
  const auto list = keys(slot);
  const std::size_t place = place_of(list, key);
  if (!stands_at(list, place, key) || is_own(list[place])) {
    set(slot, key, {at, {}});
    return true;
  }
  Row& row = rows_[slot];
  const Parts parts = this->parts(row);
  if (parts.time(parts.number_of(place)) == at) return false;
  write_time(row, parts, place, true, at);
  return true;
}

void Rows::reshape(Row& row) {
  const Shapes::Id before = row.shape;
  row.shape = shapes_.use(keys_);
  shapes_.drop(before);
}

void Rows::set(Slot slot, KeyId key, Cell cell) {
  if (slot >= rows_.size()) rows_.resize(slot + 1u);
  Row& row = rows_[slot];
  const auto list = keys(slot);
  const std::size_t at = place_of(list, key);
  const bool there = stands_at(list, at, key);
  const RowKey as = row_key(key, !cell.own.empty());
  if (there && cell.own.empty() && list[at] == as) return write_time(row, parts(row), at, true, cell.at);
  if (!there && cell.own.empty() && !list.empty()) {
    // A fact that is reported for the first time: frequent enough to be what the slowest of a hundred changes are.
    shapes_.prefetch_drop(row.shape);
    keys_.assign(list.begin(), list.end());
    keys_.insert(keys_.begin() + static_cast<std::ptrdiff_t>(at), as);
    write_time(row, parts(row), at, false, cell.at);
    return reshape(row);
  }
  read(slot, cells_);
  if (there) {
    cells_[at] = cell;
  } else {
    cells_.insert(cells_.begin() + static_cast<std::ptrdiff_t>(at), cell);
  }
  if (!there || list[at] != as) {
    keys_.assign(list.begin(), list.end());
    if (!there) keys_.insert(keys_.begin() + static_cast<std::ptrdiff_t>(at), as);
    keys_[at] = as;
    reshape(row);
  }
  write(row);
}

void Rows::assign(Slot slot, std::span<const RowKey> keys, std::span<const Cell> cells) {
  if (keys.empty()) return clear(slot);
  if (slot >= rows_.size()) rows_.resize(slot + 1u);
  Row& row = rows_[slot];
  keys_.assign(keys.begin(), keys.end());
  cells_.assign(cells.begin(), cells.end());
  reshape(row);
  write(row);
}

void Rows::erase(Slot slot, KeyId key) {
  const auto list = keys(slot);
  const std::size_t at = place_of(list, key);
  if (!stands_at(list, at, key)) return;
  if (list.size() == 1) return clear(slot);
  Row& row = rows_[slot];
  read(slot, cells_);
  keys_.assign(list.begin(), list.end());
  keys_.erase(keys_.begin() + static_cast<std::ptrdiff_t>(at));
  cells_.erase(cells_.begin() + static_cast<std::ptrdiff_t>(at));
  reshape(row);
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
  if (slot >= rows_.size()) return;
  blobs_->prefetch(rows_[slot].blob);
  shapes_.prefetch_place(rows_[slot].shape);
}
void Rows::prefetch_keys(Slot slot) const {
  if (slot < rows_.size()) shapes_.prefetch(rows_[slot].shape);
}

std::size_t Rows::memory_bytes() const { return rows_.capacity() * sizeof(Row) + shapes_.memory_bytes(); }

}  // namespace postern::posture
