#pragma once
// GVDB, the form of dconf's compiled databases: hash tables from keys to values and to further tables. What numbers of
// the file itself are is little-endian; those of its values are of the byte order that its signature tells. Pure.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/result.h"

namespace postern::agent {

/// A value; monostate stands for one of any other type.
using GvdbValue = std::variant<std::monostate, bool, std::uint32_t, std::int32_t>;

inline constexpr std::size_t kMaxGvdbEntries = 131'072;  ///< Keys and buckets of all tables of a file together.

/// One table of a file, whose bytes it shares. Keys are found as the library that writes them finds them: what that
/// overlooks is overlooked here too. Thread: any.
class GvdbTable {
 public:
  /// The root table. All that any table holds is looked at: what a table answers afterwards lies within the file and
  /// has the size of its type. Errors: kDataLoss (damaged, or nothing of the kind), kResourceExhausted, kUnsupported
  /// (tables in tables of tables, Bloom filters: nothing that dconf writes).
  static Result<GvdbTable> open(std::string file);

  /// Nothing: it holds no such value.
  std::optional<GvdbValue> value(std::string_view key) const;
  /// Nothing: it holds no such table.
  std::optional<GvdbTable> table(std::string_view key) const;

 private:
  struct Item;
  using File = std::shared_ptr<const std::string>;

  /// Its head and its items are looked at, not what those hold.
  static Result<GvdbTable> at(File file, std::size_t start, std::size_t end);
  Status check(int depth, std::size_t& entries) const;
  Status check_value(const Item& item) const;
  Item item(std::size_t number) const;
  std::optional<Item> find(std::string_view key, char type) const;
  bool has_name(const Item& item, std::string_view key) const;
  std::string_view bytes(std::size_t start, std::size_t end) const;  // empty: it lies outside

  File file_;
  std::size_t buckets_ = 0, items_ = 0;  // where they begin in the file
  std::uint32_t bucket_count_ = 0, item_count_ = 0;
};

}  // namespace postern::agent
