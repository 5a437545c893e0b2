#pragma once
// SHA-256 of files that may be large: read in pieces, and remembered while the file stays the same.
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>

#include "agent/collectors/file_memory.h"
#include "base/clock.h"
#include "base/result.h"

namespace postern::agent {

inline constexpr std::uint64_t kMaxHashedBytes = 512ull << 20;

/// What hashing may cost of a processor for each MiB: without instructions of its own for that.
inline constexpr std::chrono::milliseconds kHashCost{6};

/// Would `hash_file` know the hash of that file without reading it?
bool hash_remembered(const struct stat& st, Now now = SystemClock().now());
/// Lower-case hex. A file that was hashed before is not read again as long as that is trusted. Errors:
/// kNotFound, kPermissionDenied, kUnsupported (not a regular file), kResourceExhausted (over kMaxHashedBytes),
/// kUnavailable (read error, or it changed while it was read). Thread: any.
Result<std::string> hash_file(const std::filesystem::path& path, Now now = SystemClock().now());

}  // namespace postern::agent
