#pragma once
// Tags as bits: 512 of them, the width of an ec-shm slot.
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace postern::policy {

inline constexpr std::size_t kTagBits = 512;
inline constexpr std::size_t kTagWords = kTagBits / 64;

struct TagSet {
  std::array<std::uint64_t, kTagWords> words{};

  void set(std::size_t bit) {
    words[bit / 64] |= std::uint64_t{1} << bit % 64;
  }  ///< bit < kTagBits.
  void reset(std::size_t bit) { words[bit / 64] &= ~(std::uint64_t{1} << bit % 64); }
  bool test(std::size_t bit) const { return (words[bit / 64] >> bit % 64 & 1) != 0; }
  bool any() const {
    std::uint64_t all = 0;
    for (const auto w : words) all |= w;
    return all != 0;
  }
  std::size_t count() const {
    std::size_t n = 0;
    for (const auto w : words) n += static_cast<std::size_t>(std::popcount(w));
    return n;
  }
  /// Is every tag of `other` in this set?
  bool contains(const TagSet& other) const { return !(other - *this).any(); }

  friend TagSet operator&(TagSet a, const TagSet& b) {
    for (std::size_t i = 0; i < kTagWords; ++i) a.words[i] &= b.words[i];
    return a;
  }
  friend TagSet operator|(TagSet a, const TagSet& b) {
    for (std::size_t i = 0; i < kTagWords; ++i) a.words[i] |= b.words[i];
    return a;
  }
  /// What is in `a` and not in `b`.
  friend TagSet operator-(TagSet a, const TagSet& b) {
    for (std::size_t i = 0; i < kTagWords; ++i) a.words[i] &= ~b.words[i];
    return a;
  }
  friend bool operator==(const TagSet&, const TagSet&) = default;
};

}  // namespace postern::policy
