#pragma once
// The distinct entries of one column, each kept once and known by a small number: its code.
#include <cstdint>
#include <string_view>
#include <vector>

#include "posture/population/blobs.h"

namespace postern::posture {

/// 0: never reported. Others are a dictionary's, and given again when nobody uses them.
using Code = std::uint32_t;

/// Thread: one writer; readers beside readers.
class Dictionary {
 public:
  struct Use {
    Code code = 0;
    bool fresh = false;  ///< It wasn't there: what was known of this code is of another entry.
  };
  /// Counts one user more. `blobs` is the same in every call.
  Use use(std::string_view entry, BlobStore& blobs);
  void drop(Code code, BlobStore& blobs);
  /// Of a code that is in use. Valid until the next change.
  std::string_view entry(Code code, const BlobStore& blobs) const;
  bool in_use(Code code) const { return code < entries_.size() && entries_[code].users > 0; }

  std::uint32_t users(Code code) const { return entries_[code].users; }
  void add_user(Code code) {
    ++entries_[code].users;
    ++users_;
  }

  std::size_t distinct() const { return distinct_; }
  std::uint64_t users() const { return users_; }
  Code end() const { return static_cast<Code>(entries_.size()); }  ///< Codes are below; at least 1.
  void clear(BlobStore& blobs);
  std::size_t memory_bytes() const;

 private:
  struct Entry {
    BlobId blob = 0;
    std::uint32_t users = 0;
    std::uint32_t hash = 0;
    std::uint32_t size = 0;
  };
  std::size_t find(std::string_view entry, std::uint32_t hash, const BlobStore& blobs) const;
  void rehash(std::size_t places);

  std::vector<Entry> entries_{1};
  std::vector<Code> free_;
  std::vector<Code> index_;  ///< Open addressing, a power of two, at most half full. 0: free.
  std::size_t distinct_ = 0;
  std::uint64_t users_ = 0;
};

/// For tables in memory only: changes with the program.
std::uint32_t hash_of(std::string_view bytes);

}  // namespace postern::posture
