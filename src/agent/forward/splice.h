#pragma once

namespace postern::agent {

/// Carries bytes from `in` to `socket` and from `socket` to `out` until the latter direction has ended; `out` is closed then,
/// and the other end of `socket` hears when `in` has ended. Neither direction waits for the other: who echoes what it reads
/// may be slow in reading. Blocks. The descriptors stay as they are (blocking or not), for others may share them; SIGPIPE has
/// to be ignored. True: it ended by itself. False: the connection was reset, or `out` took no more.
bool splice(int in, int out, int socket);

}  // namespace postern::agent
