#include "posture/population/dictionary.h"

#include <functional>

namespace postern::posture {

std::uint32_t hash_of(std::string_view bytes) {
  const std::size_t hash = std::hash<std::string_view>()(bytes);
  return static_cast<std::uint32_t>(hash ^ hash >> 32);
}

std::size_t Dictionary::find(std::string_view entry, std::uint32_t hash, const BlobStore& blobs) const {
  const std::size_t mask = index_.size() - 1;
  for (std::size_t at = hash & mask;; at = (at + 1) & mask) {
    const Code code = index_[at];
    if (code == 0) return at;
    const Entry& one = entries_[code];
    if (one.hash == hash && one.size == entry.size() && blobs.bytes(one.blob).substr(0, one.size) == entry) return at;
  }
}

void Dictionary::rehash(std::size_t places) {
  index_.assign(places, 0);
  for (Code code = 1; code < entries_.size(); ++code) {
    if (entries_[code].users == 0) continue;
    std::size_t at = entries_[code].hash & (places - 1);
    while (index_[at] != 0) at = (at + 1) & (places - 1);
    index_[at] = code;
  }
}

Dictionary::Use Dictionary::use(std::string_view entry, BlobStore& blobs) {
  if (index_.empty()) rehash(8);
  const std::uint32_t hash = hash_of(entry);
  std::size_t at = find(entry, hash, blobs);
  ++users_;
  if (const Code code = index_[at]; code != 0) {
    ++entries_[code].users;
    return {code, false};
  }
  if ((distinct_ + 1) * 2 > index_.size()) {
    rehash(index_.size() * 2);
    at = find(entry, hash, blobs);
  }
  Code code = end();
  if (free_.empty()) {
    entries_.emplace_back();
  } else {
    code = free_.back();
    free_.pop_back();
  }
  entries_[code] = {blobs.add(entry), 1, hash, static_cast<std::uint32_t>(entry.size())};
  index_[at] = code;
  ++distinct_;
  return {code, true};
}

void Dictionary::drop(Code code, BlobStore& blobs) {
  Entry& one = entries_[code];
  --users_;
  if (--one.users > 0) return;
  const std::size_t mask = index_.size() - 1;
  std::size_t hole = one.hash & mask;
  while (index_[hole] != code) hole = (hole + 1) & mask;
  // What stands behind the hole and was pushed away from it moves up, so that no search ends too early.
  for (std::size_t at = (hole + 1) & mask; index_[at] != 0; at = (at + 1) & mask) {
    const std::size_t home = entries_[index_[at]].hash & mask;
    if (((at - home) & mask) < ((at - hole) & mask)) continue;
    index_[hole] = index_[at];
    hole = at;
  }
  index_[hole] = 0;
  blobs.remove(one.blob);
  one = {};
  free_.push_back(code);
  --distinct_;
}

std::string_view Dictionary::entry(Code code, const BlobStore& blobs) const {
  return blobs.bytes(entries_[code].blob).substr(0, entries_[code].size);
}

void Dictionary::clear(BlobStore& blobs) {
  for (const Entry& one : entries_) blobs.remove(one.blob);
  *this = {};
}

std::size_t Dictionary::memory_bytes() const {
  return entries_.capacity() * sizeof(Entry) + (free_.capacity() + index_.capacity()) * sizeof(Code);
}

}  // namespace postern::posture
