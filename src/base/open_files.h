#pragma once
// The kernel's limit on open files (RLIMIT_NOFILE) of this process.
#include <cstddef>

namespace postern {

/// For `raise_open_files`: as many as the hard limit lets it. What a login shell or a service starts with (1,024, say) is for
/// programs that wait with select(2).
inline constexpr std::size_t kAllOpenFiles = std::size_t{1} << 30;

/// Raises the soft limit to `wanted`, or to the hard one where that is lower; a higher one stays. What holds then. Children inherit it.
/// Thread: any, before others look at it.
std::size_t raise_open_files(std::size_t wanted);

}  // namespace postern
