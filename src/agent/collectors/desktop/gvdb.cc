#include "agent/collectors/desktop/gvdb.h"

#include <utility>

namespace postern::agent {
namespace {

constexpr std::string_view kLittle = "GVariant", kBig = "raVGtnai";
constexpr std::size_t kHead = 24;      // signature, version, options, where the root table is
constexpr std::size_t kTableHead = 8;  // words of its Bloom filter, buckets
constexpr std::size_t kItem = 24;
constexpr std::uint32_t kNoParent = 0xffffffff;
constexpr int kMaxDepth = 2;
constexpr char kValue = 'v', kTable = 'H', kList = 'L';

std::uint32_t gvdb_number(std::string_view four, bool big = false) {
  std::uint32_t out = 0;
  for (std::size_t i = 0; i < 4; ++i) out = out << 8 | static_cast<unsigned char>(four[big ? i : 3 - i]);
  return out;
}

tl::unexpected<Error> bad_gvdb(std::string_view where) {
  return fail(ErrorCode::kDataLoss, "its " + std::string(where) + " is damaged");
}

/// D. J. Bernstein's, over bytes that have a sign.
std::uint32_t hash_of(std::string_view key) {
  std::uint32_t out = 5381;
  for (const char c : key) out = out * 33 + static_cast<std::uint32_t>(static_cast<signed char>(c));
  return out;
}

/// A variant is its value, a zero byte, and the value's type. Nothing: it is damaged.
std::optional<GvdbValue> parse_variant(std::string_view bytes, bool big) {
  const auto end = bytes.rfind('\0');
  if (end == bytes.npos || end + 1 == bytes.size()) return std::nullopt;
  const auto value = bytes.substr(0, end), type = bytes.substr(end + 1);
  if (type == "b") {
    if (value.size() != 1 || static_cast<unsigned char>(value[0]) > 1) return std::nullopt;
    return value[0] == 1;
  }
  if (type != "u" && type != "i") return GvdbValue();
  if (value.size() != 4) return std::nullopt;
  const auto n = gvdb_number(value, big);
  return type == "u" ? GvdbValue(n) : GvdbValue(static_cast<std::int32_t>(n));
}

}  // namespace

struct GvdbTable::Item {
  std::uint32_t hash, parent, key, key_size;
  char type;
  std::size_t start, end;  // of what it holds
};

std::string_view GvdbTable::bytes(std::size_t start, std::size_t end) const {
  if (start > end || end > file_->size()) return {};
  return std::string_view(*file_).substr(start, end - start);
}

GvdbTable::Item GvdbTable::item(std::size_t i) const {
  const auto raw = bytes(items_ + i * kItem, items_ + (i + 1) * kItem);
  return {.hash = gvdb_number(raw),
          .parent = gvdb_number(raw.substr(4)),
          .key = gvdb_number(raw.substr(8)),
          .key_size = static_cast<std::uint32_t>(static_cast<unsigned char>(raw[12])) |
                      static_cast<std::uint32_t>(static_cast<unsigned char>(raw[13])) << 8,
          .type = raw[14],
          .start = gvdb_number(raw.substr(16)),
          .end = gvdb_number(raw.substr(20))};
}

Result<GvdbTable> GvdbTable::open(std::string file) {
  const std::string_view bytes = file;
  const auto signature = bytes.substr(0, kLittle.size());
  if (bytes.size() < kHead || (signature != kLittle && signature != kBig) || gvdb_number(bytes.substr(8)) != 0)
    return fail(ErrorCode::kDataLoss, "it does not begin as a database does");
  const auto start = gvdb_number(bytes.substr(16)), end = gvdb_number(bytes.substr(20));
  auto root = at(std::make_shared<const std::string>(std::move(file)), start, end);
  if (!root) return root;
  std::size_t entries = 0;
  if (auto ok = root->check(1, entries); !ok) return fail(ok.error());
  return root;
}

Result<GvdbTable> GvdbTable::at(File file, std::size_t start, std::size_t end) {
  GvdbTable out;
  out.file_ = std::move(file);
  const auto whole = out.bytes(start, end);
  if (whole.size() < kTableHead || start % 4 != 0) return bad_gvdb("table");
  if ((gvdb_number(whole) & 0x07ffffff) != 0) return fail(ErrorCode::kUnsupported, "it has a Bloom filter");
  out.bucket_count_ = gvdb_number(whole.substr(4));
  if (out.bucket_count_ > (whole.size() - kTableHead) / 4) return bad_gvdb("table");
  out.buckets_ = start + kTableHead;
  out.items_ = out.buckets_ + std::size_t{4} * out.bucket_count_;
  if ((end - out.items_) % kItem != 0) return bad_gvdb("table");
  const auto items = (end - out.items_) / kItem;
  if (items > 0 && out.bucket_count_ == 0) return bad_gvdb("table");
  out.item_count_ = static_cast<std::uint32_t>(items);
  // A bucket ends where the next one begins.
  std::uint32_t before = 0;
  for (std::size_t at = out.buckets_; at < out.items_; at += 4) {
    const auto first = gvdb_number(out.bytes(at, at + 4));
    if (first < before || first > items) return bad_gvdb("table");
    before = first;
  }
  return out;
}

Status GvdbTable::check(int depth, std::size_t& entries) const {
  entries += std::size_t{item_count_} + bucket_count_;
  if (entries > kMaxGvdbEntries) return fail(ErrorCode::kResourceExhausted, "it holds more keys than are read");
  for (std::size_t i = 0; i < item_count_; ++i) {
    const auto one = item(i);
    if (one.parent != kNoParent && one.parent >= item_count_) return bad_gvdb("table");
    if (bytes(one.key, std::size_t{one.key} + one.key_size).size() != one.key_size) return bad_gvdb("table");
    if (auto ok = check_value(one); !ok) return ok;
    if (one.type != kTable) continue;
    if (depth == kMaxDepth) return fail(ErrorCode::kUnsupported, "it has tables in tables of tables");
    const auto inner = at(file_, one.start, one.end);
    if (!inner) return fail(inner.error());
    if (auto ok = inner->check(depth + 1, entries); !ok) return ok;
  }
  return {};
}

Status GvdbTable::check_value(const Item& item) const {
  if (item.type == kTable) return {};
  const auto held = bytes(item.start, item.end);
  if (held.size() != item.end - item.start) return bad_gvdb("table");
  if (item.type == kList) return held.size() % 4 == 0 && item.start % 4 == 0 ? Status() : bad_gvdb("list of keys");
  if (item.type != kValue) return bad_gvdb("table");
  if (item.start % 8 != 0 || !parse_variant(held, file_->starts_with(kBig))) return bad_gvdb("value of a key");
  return {};
}

bool GvdbTable::has_name(const Item& item, std::string_view key) const {
  // Each step takes a part from the end of the key: a circle of parents comes to its end with it.
  for (auto part = item;;) {
    const auto name = bytes(part.key, std::size_t{part.key} + part.key_size);
    if (!key.ends_with(name)) return false;
    key.remove_suffix(name.size());
    if (part.parent == kNoParent) return key.empty();
    if (name.empty()) return false;
    part = this->item(part.parent);
  }
}

std::optional<GvdbTable::Item> GvdbTable::find(std::string_view key, char type) const {
  if (item_count_ == 0) return std::nullopt;
  const auto hash = hash_of(key);
  const auto bucket = hash % bucket_count_;
  const auto begins = [&](std::size_t n) { return gvdb_number(bytes(buckets_ + n * 4, buckets_ + n * 4 + 4)); };
  const auto last = bucket + 1 == bucket_count_ ? item_count_ : begins(bucket + 1);
  for (auto i = begins(bucket); i < last; ++i) {
    const auto one = item(i);
    if (one.hash == hash && one.type == type && has_name(one, key)) return one;
  }
  return std::nullopt;
}

std::optional<GvdbValue> GvdbTable::value(std::string_view key) const {
  const auto found = find(key, kValue);
  return found ? parse_variant(bytes(found->start, found->end), file_->starts_with(kBig)) : std::nullopt;
}

std::optional<GvdbTable> GvdbTable::table(std::string_view key) const {
  const auto found = find(key, kTable);
  if (!found) return std::nullopt;
  auto out = at(file_, found->start, found->end);
  return out ? std::optional(std::move(*out)) : std::nullopt;
}

}  // namespace postern::agent
