#pragma once
// A mapped file, and the atomic access to its words.
#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "base/clock.h"
#include "ecshm/ecshm.h"

namespace postern::ecshm {

class Mapping {
 public:
  Mapping() = default;
  Mapping(void* base, std::size_t size) : base_(base), size_(size) {}
  Mapping(Mapping&& other) noexcept
      : base_(std::exchange(other.base_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  Mapping& operator=(Mapping&& other) noexcept;
  ~Mapping();
  explicit operator bool() const { return base_ != nullptr; }
  std::byte* data() const { return static_cast<std::byte*>(base_); }
  std::size_t size() const { return size_; }
  const ecshm_header* header() const { return static_cast<const ecshm_header*>(base_); }
  ecshm_header* header() { return static_cast<ecshm_header*>(base_); }

 private:
  void* base_ = nullptr;
  std::size_t size_ = 0;
};

/// Reads a word that the other side may be writing. Readers map read-only; a load never writes.
template <class T>
T load(const T& word, std::memory_order order = std::memory_order_relaxed) {
  return std::atomic_ref<T>(const_cast<T&>(word)).load(order);
}
template <class T>
void store(T& word, T value, std::memory_order order = std::memory_order_relaxed) {
  std::atomic_ref<T>(word).store(value, order);
}

/// What a bucket holds of a leaf, given its second word; in place, above the number.
inline std::uint32_t bucket_mark(std::uint64_t second_word) {
  return static_cast<std::uint32_t>(second_word >> (32 + ECSHM_BUCKET_NUMBER_BITS)) << ECSHM_BUCKET_NUMBER_BITS;
}
/// The slot that a bucket holds; of one that holds none, a number beyond every table.
inline std::uint32_t bucket_slot(std::uint32_t bucket) {
  return (bucket & ((1u << ECSHM_BUCKET_NUMBER_BITS) - 1)) - ECSHM_BUCKET_FIRST;
}

/// Maps a file so that where the kernel holds it in huge pages, they are mapped as such: at an address that lies in them as
/// the file does. Random reads in 200 MB otherwise walk the tables of 4 KiB pages. `writable`: and the kernel is asked to
/// hold it so, which it may refuse. nullptr with errno when it failed.
void* map_shared(int fd, std::size_t size, bool writable);

/// A file that is to appear under `name` in `dir` whole and with the right owner: written beside
/// it, then renamed.
class NewFile {
 public:
  NewFile() = default;
  NewFile(NewFile&& other) noexcept
      : dir_(std::exchange(other.dir_, -1)),
        fd_(std::exchange(other.fd_, -1)),
        name_(other.name_) {}
  NewFile& operator=(NewFile&&) = delete;
  ~NewFile();  ///< Removes what was not published.
  static NewFile create(int dir, const char* name, gid_t group, int* error);
  int fd() const { return fd_; }
  bool publish();  ///< False with errno when it failed.

 private:
  int dir_ = -1;
  int fd_ = -1;
  const char* name_ = "";
};

/// A moment as the file's words hold it: nanoseconds of CLOCK_MONOTONIC, 0 for anything before its start.
inline std::uint64_t to_nanoseconds(MonoTime t) {
  const auto ns = t.time_since_epoch().count();
  return ns > 0 ? static_cast<std::uint64_t>(ns) : 0;
}

}  // namespace postern::ecshm
