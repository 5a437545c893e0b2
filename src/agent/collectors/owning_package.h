#pragma once
// Which package an executable came with.
#include <string>
#include <string_view>

#include "agent/collectors/collector.h"
#include "base/result.h"

namespace postern::agent {

/// Does dpkg's list of a package's files (one path a line) name this one? /usr/bin/x and /bin/x are one file. Pure.
bool lists_file(std::string_view list, std::string_view path);

/// The version of the package that owns what this link leads to; remembered while dpkg's database stays the same. Errors:
/// those of reading the link; kUnsupported (no package owns it, or the system has no dpkg). Thread: any.
Result<std::string> owning_package_version(const Facts& facts, const std::string& link);

}  // namespace postern::agent
