#pragma once
// Where inotify tells nothing, and what to look at there instead.
#include <string>
#include <vector>

namespace postern::agent {

/// On a file system whose changes made elsewhere, or by the kernel itself, send no inotify events.
bool without_events(const std::string& directory);

/// Differs when one of the files (or directories' lists of entries) differs, appeared or went.
std::string stamp_of(const std::vector<std::string>& files);

}  // namespace postern::agent
