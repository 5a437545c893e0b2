#pragma once
// The copy of a feed in the data directory: whether it is what was read, and how another takes its place.
#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"

namespace postern::ems {

/// What a feed's row remembers of its copy: the SHA-256 as hexadecimal digits.
std::string copy_digest(std::string_view bytes);

/// Puts `candidate`, which is on the disk, in the copy's place. What stood there stays beside it until
/// drop_replaced_copy: whoever is killed before the row of the new one was saved has the one that the row is about.
/// Error: of renaming; then the copy is as it was.
Status replace_copy(const std::filesystem::path& candidate, const std::filesystem::path& copy);

/// After a start, `digest` being what the row remembers (empty: nothing): takes back what was replaced if the row is
/// about that, and drops it else. Reads both where something was replaced: for a worker.
void recover_copy(const std::filesystem::path& copy, std::string_view digest);

/// The row of what stands in the copy's place is on the disk.
void drop_replaced_copy(const std::filesystem::path& copy);

/// The name of the copy that took the place of the file of this name; empty: it is no replaced copy.
std::string_view copy_that_replaced(std::string_view file_name);

}  // namespace postern::ems
