#pragma once
// Text that is put together piece by piece, a line for each request: without a call, a check of its own or zeros written
// for each piece.
#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>

namespace postern::gateway {

/// Thread: one.
class LineBuffer {
 public:
  std::string_view view() const { return {data_.get(), size_}; }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  void clear() { size_ = 0; }
  /// Drops what is behind the first `size` bytes; there are so many.
  void cut(std::size_t size) { size_ = size; }

  /// Space for `n` bytes more, until the next call of anything here; what is written there counts as far as `took` says.
  char* room(std::size_t n) {
    if (capacity_ - size_ < n) grow(n);
    return data_.get() + size_;
  }
  void took(const char* end) { size_ = static_cast<std::size_t>(end - data_.get()); }

  void append(std::string_view text) {
    char* to = room(text.size());
    if (!text.empty()) std::memcpy(to, text.data(), text.size());
    took(to + text.size());
  }

 private:
  void grow(std::size_t n) {
    const auto capacity = std::max({std::size_t{4096}, 2 * capacity_, size_ + n});
    std::unique_ptr<char[]> more(new char[capacity]);
    if (size_ > 0) std::memcpy(more.get(), data_.get(), size_);
    data_ = std::move(more);
    capacity_ = capacity;
  }

  std::unique_ptr<char[]> data_;
  std::size_t size_ = 0, capacity_ = 0;
};

}  // namespace postern::gateway
