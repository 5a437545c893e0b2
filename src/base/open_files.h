#pragma once
// The kernel's limit on open files (RLIMIT_NOFILE) of this process.
#include <cstddef>

namespace postern {

/// Raises the soft limit to `wanted`, or to the hard one where that is lower; a higher one stays. What holds then. Children inherit it.
/// Thread: any, before others look at it.
std::size_t raise_open_files(std::size_t wanted);

}  // namespace postern
