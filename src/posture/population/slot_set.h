#pragma once
// A set of endpoints, a bit per slot: 125 kB for a million, made and counted faster than any compressed form of it.
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "posture/population/planes.h"

namespace postern::posture {

class SlotSet {
 public:
  std::uint64_t size() const { return size_; }
  bool contains(Slot slot) const { return slot / 64 < words_.size() && (words_[slot / 64] >> slot % 64 & 1) != 0; }
  /// Ascending.
  template <class Each>
  void for_each(Each&& each) const {
    for (std::size_t i = 0; i < words_.size(); ++i) {
      for (std::uint64_t word = words_[i]; word != 0; word &= word - 1)
        each(static_cast<Slot>(i * 64 + static_cast<std::size_t>(std::countr_zero(word))));
    }
  }
  std::vector<Slot> slots() const {
    std::vector<Slot> out;
    out.reserve(size_);
    for_each([&](Slot slot) { out.push_back(slot); });
    return out;
  }
  /// The slots of a word of 64; none of them is in the set yet.
  void add_word(std::size_t index, std::uint64_t word) {
    if (word == 0) return;
    if (index >= words_.size()) words_.resize(index + 1);
    words_[index] |= word;
    size_ += static_cast<std::uint64_t>(std::popcount(word));
  }
  /// The slots of a word of 64 that are in the set.
  void remove_word(std::size_t index, std::uint64_t word) {
    word &= this->word(index);
    if (word == 0) return;
    words_[index] &= ~word;
    size_ -= static_cast<std::uint64_t>(std::popcount(word));
  }
  /// The first from there on.
  std::optional<Slot> next(Slot from) const {
    for (std::size_t i = from / 64; i < words_.size(); ++i) {
      const auto rest = i == from / 64 ? words_[i] & ~std::uint64_t{0} << from % 64 : words_[i];
      if (rest != 0) return static_cast<Slot>(i * 64 + static_cast<std::size_t>(std::countr_zero(rest)));
    }
    return std::nullopt;
  }
  void insert(Slot slot) {
    if (!contains(slot)) add_word(slot / 64, std::uint64_t{1} << slot % 64);
  }
  void erase(Slot slot) {
    if (!contains(slot)) return;
    words_[slot / 64] &= ~(std::uint64_t{1} << slot % 64);
    --size_;
  }
  void clear() {
    words_.clear();
    size_ = 0;
  }
  /// Makes room for so many words, with nothing in them.
  void reserve_words(std::size_t count) {
    if (words_.size() < count) words_.resize(count);
  }
  std::size_t word_count() const { return words_.size(); }
  const std::uint64_t* words() const { return words_.data(); }
  std::uint64_t word(std::size_t index) const { return index < words_.size() ? words_[index] : 0; }
  std::size_t memory_bytes() const { return words_.capacity() * sizeof(std::uint64_t); }

 private:
  std::vector<std::uint64_t> words_;
  std::uint64_t size_ = 0;
};

}  // namespace postern::posture
