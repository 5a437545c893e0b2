#pragma once
// The process is about to end: whoever waits for others beside the loop gives up at once, because the end waits for him.
#include <atomic>
#include <chrono>

namespace postern::agent {

/// How long a wait goes on without asking whether to give up.
inline constexpr std::chrono::milliseconds kStoppingNoticed{50};

void give_up_waiting();    ///< From now on. Thread: any.
bool waiting_is_over();    ///< Thread: any.

/// Threads that hang in somebody else's code (a resolver) and that nobody can wait for.
std::atomic<int>& loose_threads();
/// What `main` returns; with loose threads the process ends here and now, because they use what its end takes down.
int exit_status(int status);

}  // namespace postern::agent
