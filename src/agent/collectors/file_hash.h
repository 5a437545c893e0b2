#pragma once
// SHA-256 of files that may be large: read in pieces, and remembered while the file stays the same.
#include <cstdint>
#include <filesystem>
#include <string>

#include "base/clock.h"
#include "base/result.h"

namespace postern::agent {

inline constexpr std::uint64_t kMaxHashedBytes = 512ull << 20;

/// How long what was read is taken for what the file holds while its inode, size and times stay the same. Whoever writes
/// through a shared mapping moves the times only at the first write to a page that was not dirty: of a file that had just
/// changed this may have been before it was read. In memory (tmpfs) it may be any time ago.
inline constexpr Seconds kTrustedAfterChange{30};   ///< It had changed within kSettled before it was read.
inline constexpr Seconds kSettled{600};             ///< By then the kernel has written dirty pages back.
inline constexpr Seconds kTrusted{3600};

/// Lower-case hex. A file that was hashed before is not read again as long as that is trusted. Errors:
/// kNotFound, kPermissionDenied, kUnsupported (not a regular file), kResourceExhausted (over kMaxHashedBytes),
/// kUnavailable (read error, or it changed while it was read). Thread: any.
Result<std::string> hash_file(const std::filesystem::path& path, Now now = SystemClock().now());

}  // namespace postern::agent
