#include "agent/collectors/desktop/gvdb_lab.h"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

namespace postern::agent {
namespace {

std::string bytes_of(std::uint32_t n, bool big = false) {
  std::string out;
  for (int i = 0; i < 4; ++i) out += static_cast<char>(n >> 8 * (big ? 3 - i : i));
  return out;
}

struct Variant {
  bool big;
  std::string operator()(std::monostate) const { return std::string("text\0\0s", 7); }
  std::string operator()(bool b) const { return std::string(1, b ? '\1' : '\0') + std::string("\0b", 2); }
  std::string operator()(std::uint32_t n) const { return bytes_of(n, big) + std::string("\0u", 2); }
  std::string operator()(std::int32_t n) const {
    return bytes_of(static_cast<std::uint32_t>(n), big) + std::string("\0i", 2);
  }
};

struct Entry {
  std::string key;
  char type;
  std::string held;                  // a value
  std::uint32_t start = 0, end = 0;  // of a table that is written already
  std::uint32_t hash() const {
    std::uint32_t out = 5381;
    for (const char c : key) out = out * 33 + static_cast<std::uint32_t>(static_cast<signed char>(c));
    return out;
  }
};

class Writer {
 public:
  explicit Writer(bool big) : out_(std::string(big ? "raVGtnai" : "GVariant") + std::string(16, '\0')) {}

  /// Where it stands.
  std::pair<std::uint32_t, std::uint32_t> table(std::vector<Entry> entries) {
    const auto buckets = static_cast<std::uint32_t>(entries.size());
    std::ranges::stable_sort(entries, {}, [&](const Entry& e) { return e.hash() % buckets; });
    const auto start = align(4);
    out_ += bytes_of(5u << 27) + bytes_of(buckets);
    for (std::uint32_t b = 0; b < buckets; ++b) {
      const auto first = std::ranges::count_if(entries, [&](const Entry& e) { return e.hash() % buckets < b; });
      out_ += bytes_of(static_cast<std::uint32_t>(first));
    }
    const auto items = out_.size();
    out_.resize(items + 24 * entries.size());
    const auto end = size();
    for (std::size_t i = 0; i < entries.size(); ++i) out_.replace(items + 24 * i, 24, item(entries[i]));
    return {start, end};
  }

  std::string finish(std::pair<std::uint32_t, std::uint32_t> root) {
    return out_.replace(16, 8, bytes_of(root.first) + bytes_of(root.second));
  }

 private:
  std::uint32_t size() const { return static_cast<std::uint32_t>(out_.size()); }
  std::uint32_t align(std::size_t to) {
    while (out_.size() % to != 0) out_ += '\0';
    return size();
  }
  std::string item(const Entry& e) {
    const auto key = size();
    out_ += e.key;
    auto start = e.start, end = e.end;
    if (e.type == 'v') {
      start = align(8);
      out_ += e.held;
      end = size();
    }
    const auto length = static_cast<std::uint32_t>(e.key.size());
    return bytes_of(e.hash()) + bytes_of(0xffffffff) + bytes_of(key) +
           bytes_of(length | static_cast<std::uint32_t>(e.type) << 16) + bytes_of(start) + bytes_of(end);
  }

  std::string out_;
};

}  // namespace

std::string compiled_database(const GvdbValues& values, const std::set<std::string>& locks, bool big) {
  Writer writer(big);
  std::vector<Entry> root, locked;
  for (const auto& path : locks) locked.push_back({.key = path, .type = 'v', .held = std::string("\0\0s", 3)});
  if (!locked.empty()) {
    const auto [start, end] = writer.table(std::move(locked));
    root.push_back({.key = ".locks", .type = 'H', .held = {}, .start = start, .end = end});
  }
  for (const auto& [path, value] : values)
    root.push_back({.key = path, .type = 'v', .held = std::visit(Variant{big}, value)});
  return writer.finish(writer.table(std::move(root)));
}

}  // namespace postern::agent
