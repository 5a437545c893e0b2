#pragma once
// Whether what stands in a file is kept by somebody. What a service leaves behind when it ends, and what an image brings
// along, looks as if it were of now; it says nothing of now, not even that there is nothing.
#include <optional>
#include <span>
#include <string_view>

#include "agent/collectors/collector.h"
#include "base/clock.h"

namespace postern::agent {

enum class Keeper {
  kRuns,
  kNone,
  kHidden,  ///< One may run: we may not see which files it has before it.
};

/// A process of one of these names (`comm`) that is alive, root's or of `place`'s owner, and to which that name leads to the
/// same file or directory as to us: that of another container, with a /run of its own, does not count.
/// `place` is absolute, below the root; processes are those of the root's /proc, so an image has none.
Keeper keeper_of(const Facts& facts, std::string_view place, std::span<const std::string_view> names);

/// When this machine, or this container, started: its first process. Nothing: /proc does not say.
std::optional<WallTime> started_at(const Facts& facts);
/// Pure: the same from /proc/stat and /proc/1/stat (may be empty: then when the kernel started).
std::optional<WallTime> parse_start(std::string_view stat, std::string_view first_process);

/// How far the clock may have been set forward since something was written at the start.
inline constexpr Seconds kStartSlack{60};

/// It lies in memory, or was written since this machine started; else an earlier start, or an image, left it.
bool of_this_start(const Facts& facts, std::string_view place);
/// A file that is there is in memory: nothing but this start can have put it there. Of another root: false.
bool in_memory(const Facts& facts, std::string_view place);
/// When the file was made. Nothing: its file system does not say.
std::optional<WallTime> made_at(const Facts& facts, std::string_view place);
/// Pure: can what a file says was written at `at` have been written into it, or was it copied from another? A day before
/// it was made it can, as clocks are set while a machine starts.
bool written_into(WallTime at, std::optional<WallTime> made);

}  // namespace postern::agent
