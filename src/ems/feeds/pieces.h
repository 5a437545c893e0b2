#pragma once
// A regular file from its beginning to its end, a piece at a time.
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace postern::ems {

/// Thread: one.
class Pieces {
 public:
  Pieces(std::filesystem::path path, std::size_t piece);
  Pieces(const Pieces&) = delete;
  Pieces& operator=(const Pieces&) = delete;
  ~Pieces();

  std::optional<std::uint64_t> size() const { return size_; }  ///< None: no regular file that can be read.
  /// The next bytes, fewer than a piece only at the end. Errors: those of opening and reading, kUnsupported (no regular
  /// file).
  Result<std::string> next();

 private:
  std::filesystem::path path_;
  std::size_t piece_;
  int fd_;
  int error_;
  std::optional<std::uint64_t> size_;
};

bool same_content(const std::filesystem::path& a, const std::filesystem::path& b);

/// Makes `to` the content of `from`, with mode 0600, not yet durably. On error there is no `to`. Errors: those of Pieces and of
/// writing, kResourceExhausted (larger than `limit`, or the disk is full).
Status copy_pieces(const std::filesystem::path& from, const std::filesystem::path& to, std::uint64_t limit);

/// All of it, or an error: of writing, with the path.
Status write_whole(int fd, std::string_view text, const std::filesystem::path& path);

/// What was written to the file is on the disk.
Status make_durable(const std::filesystem::path& path);

}  // namespace postern::ems
