#pragma once
// Which directory entries decide what a path leads to: every component on the way, symbolic links followed by hand.
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace postern::agent {

struct PathTrace {
  enum class End {
    kRegular,    ///< A regular file.
    kOther,      ///< Something, and not a regular file.
    kMissing,    ///< Nothing is there.
    kDenied,     ///< We may not look.
    kLoop,       ///< A loop of links, or more than kMaxLinks.
    kFailed,     ///< An error of the file system.
  };
  End end = End::kMissing;
  /// (directory, name in it) of each step that was looked at, the last one included, even if it is missing.
  std::vector<std::pair<std::string, std::string>> steps;
  std::string target;  ///< Of a regular file or a directory: where it really is.
  friend bool operator==(const PathTrace&, const PathTrace&) = default;
};

/// Links that are followed on the way to a file, as many as the kernel follows (path_resolution(7)).
inline constexpr int kMaxLinks = 40;

/// `path` is absolute. Opens nothing, so that no pipe or device can hang it; at most `kMaxLinks`
/// links are followed.
PathTrace trace_path(const std::filesystem::path& path);

/// Why nobody knows what the path leads to, in words; empty where that is known.
std::string_view why_unseen(PathTrace::End end);

}  // namespace postern::agent
