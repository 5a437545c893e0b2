#pragma once
// A large file's content without a copy in memory: pages come when they are read, and may go again.
#include <cstddef>
#include <filesystem>
#include <string_view>

#include "base/result.h"

namespace postern::ems {

/// REQUIRES: nobody makes the file shorter meanwhile, so it is one that this program alone writes. Thread: any.
class MappedFile {
 public:
  /// Errors: kNotFound, kPermissionDenied, kUnsupported (no regular file), kResourceExhausted (larger than `limit` bytes),
  /// kUnavailable.
  static Result<MappedFile> open(const std::filesystem::path& path, std::size_t limit);
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&&) = delete;
  ~MappedFile();

  std::string_view bytes() const { return bytes_; }  ///< As long as this lives.

 private:
  explicit MappedFile(std::string_view bytes) : bytes_(bytes) {}
  std::string_view bytes_;
};

}  // namespace postern::ems
