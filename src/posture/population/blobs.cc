#include "posture/population/blobs.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>

namespace postern::posture {
namespace {

constexpr std::size_t kClassBytes = 2;  // the class stands before the bytes
constexpr std::uint16_t kLargeClass = 0xFFFF;
constexpr std::uint16_t kExact = 128;  // classes of 4, 8, … 512 bytes; beyond it four for each doubling

}  // namespace

std::uint16_t BlobStore::class_of(std::size_t size) {
  // A free piece holds an id.
  if (size <= kExact * kGrain)
    return static_cast<std::uint16_t>((std::max(size, sizeof(BlobId)) + kGrain - 1) / kGrain);
  const auto doubling = static_cast<std::size_t>(std::bit_width(size - 1)) - 1;  // 2^doubling < size <= 2^(doubling+1)
  const std::size_t quarter = (size - 1 - (std::size_t{1} << doubling)) >> (doubling - 2);
  return static_cast<std::uint16_t>(kExact + 1 + (doubling - 9) * 4 + quarter);
}

std::size_t BlobStore::size_of(std::uint16_t klass) {
  if (klass <= kExact) return klass * kGrain;
  const std::size_t beyond = klass - kExact - 1u, doubling = 9 + beyond / 4;
  return (std::size_t{1} << doubling) + ((beyond % 4 + 1) << (doubling - 2));
}

std::byte* BlobStore::at(BlobId id) const {
  return chunks_[id >> kChunkBits].memory.get() + (id & ((1u << kChunkBits) - 1)) * kGrain;
}

std::size_t BlobStore::new_chunk(std::size_t size) {
  std::size_t place = chunks_.size();
  if (!empty_.empty()) {
    place = empty_.back();
  } else if (place >> (32 - kChunkBits) != 0) {
    throw std::bad_alloc();
  }
  Chunk chunk{size == kChunk ? take_huge_piece() : take_memory(size), size};
  if (empty_.empty()) {
    chunks_.push_back(std::move(chunk));
  } else {
    empty_.pop_back();
    chunks_[place] = std::move(chunk);
  }
  memory_ += size;
  return place;
}

BlobId BlobStore::take(std::uint16_t klass) {
  if (klass < free_.size() && free_[klass] != 0) {
    const BlobId id = free_[klass];
    std::memcpy(&free_[klass], at(id), sizeof(BlobId));
    return id;
  }
  const std::size_t size = size_of(klass);
  if (used_ + size > kChunk) {
    open_ = new_chunk(kChunk);
    used_ = open_ == 0 ? kGrain : 0;  // so that no piece is called 0
  }
  const auto id = static_cast<BlobId>(open_ << kChunkBits | used_ / kGrain);
  used_ += size;
  return id;
}

BlobId BlobStore::take_large(std::size_t size) {
  if (chunks_.empty()) {  // so that no large piece is called 0
    open_ = new_chunk(kChunk);
    used_ = kGrain;
  }
  return static_cast<BlobId>(new_chunk(size) << kChunkBits);
}

BlobId BlobStore::add(std::string_view bytes) {
  const std::size_t size = bytes.size() + kClassBytes;
  const bool large = size > kLarge;
  const std::uint16_t klass = large ? kLargeClass : class_of(size);
  const BlobId id = large ? take_large(size) : take(klass);
  std::byte* place = at(id);
  std::memcpy(place, &klass, kClassBytes);
  std::memcpy(place + kClassBytes, bytes.data(), bytes.size());
  return id;
}

void BlobStore::replace(BlobId& id, std::string_view bytes) {
  if (id != 0 && bytes.size() + kClassBytes <= kLarge) {
    std::uint16_t klass = 0;
    std::memcpy(&klass, at(id), kClassBytes);
    if (klass == class_of(bytes.size() + kClassBytes)) {
      std::memmove(at(id) + kClassBytes, bytes.data(), bytes.size());
      return;
    }
  }
  const BlobId other = add(bytes);
  remove(id);
  id = other;
}

void BlobStore::remove(BlobId id) {
  if (id == 0) return;
  std::uint16_t klass = 0;
  std::memcpy(&klass, at(id), kClassBytes);
  if (klass == kLargeClass) {
    Chunk& chunk = chunks_[id >> kChunkBits];
    memory_ -= chunk.size;
    chunk = {};
    empty_.push_back(id >> kChunkBits);
    return;
  }
  if (klass >= free_.size()) free_.resize(klass + 1u);
  std::memcpy(at(id), &free_[klass], sizeof(BlobId));
  free_[klass] = id;
}

std::string_view BlobStore::bytes(BlobId id) const {
  if (id == 0) return {};
  const std::byte* place = at(id);
  std::uint16_t klass = 0;
  std::memcpy(&klass, place, kClassBytes);
  const std::size_t size = klass == kLargeClass ? chunks_[id >> kChunkBits].size : size_of(klass);
  return {reinterpret_cast<const char*>(place) + kClassBytes, size - kClassBytes};
}

void BlobStore::prefetch(BlobId id) const {
  if (id == 0) return;
  const std::byte* place = at(id);
  for (std::size_t line = 0; line < 4; ++line) __builtin_prefetch(place + line * 64);
}

std::size_t BlobStore::memory_bytes() const {
  return memory_ + chunks_.capacity() * sizeof(Chunk) + free_.capacity() * sizeof(BlobId);
}

}  // namespace postern::posture
