#pragma once
// Whole small files, read bounded and written so that a crash leaves the old or the new content, never a mix.
#include <sys/types.h>

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"

namespace postern {

/// The whole content of a regular file. Opens with O_NONBLOCK and refuses anything but regular files, so that a pipe or
/// device put in its place can't hang the reader. Errors: kNotFound, kPermissionDenied, kUnsupported (not a regular
/// file), kResourceExhausted (larger than `limit` bytes), kUnavailable (read error).
Result<std::string> read_file(const std::filesystem::path& path, std::size_t limit);

/// Writes a temporary file beside `path`, fsyncs it, renames it over `path` and fsyncs the directory: when it returns
/// success the content is durable. Errors: kPermissionDenied, kNotFound, kResourceExhausted (disk full), kUnavailable.
Status write_file_atomic(const std::filesystem::path& path, std::string_view content, mode_t mode = 0600);

/// The file of that absolute name in another root file system: links that would lead out of it lead into it, as chroot
/// would have it (an image's /etc/os-release -> /usr/lib/os-release is not this machine's). After 40 links, as
/// in a loop, a name that no file can have: whoever opens it fails, and does not find nothing.
std::filesystem::path path_in_root(const std::filesystem::path& root, std::string_view absolute);

/// mkdir -p; every directory made gets `mode`.
Status make_directories(const std::filesystem::path& path, mode_t mode = 0750);

/// An Error from errno, with the path and what was being done.
Error errno_error(int error, std::string_view doing, const std::filesystem::path& path);

}  // namespace postern
