#pragma once
// SHA-256 of files that may be large: read in pieces, and remembered while the file stays the same.
#include <cstdint>
#include <filesystem>
#include <string>

#include "base/result.h"

namespace postern::agent {

inline constexpr std::uint64_t kMaxHashedBytes = 512ull << 20;

/// Lower-case hex. A file that was hashed before and whose inode, size and times are the same is not read again. Errors:
/// kNotFound, kPermissionDenied, kUnsupported (not a regular file), kResourceExhausted (over kMaxHashedBytes),
/// kUnavailable (read error, or it changed while it was read). Thread: any.
Result<std::string> hash_file(const std::filesystem::path& path);

}  // namespace postern::agent
