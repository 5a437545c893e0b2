#pragma once
// How many files and sockets this process may have open at once.

namespace postern {

/// As many as it may allow itself: what a login shell or a service starts with (1,024, say) is for programs that wait with
/// select(2). Children inherit it. A kernel that refuses leaves it as it is. Thread: any, before there are others.
void raise_file_limit();

}  // namespace postern
