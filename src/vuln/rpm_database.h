#pragma once
// rpm's database of packages in its SQLite form (rpmdb.sqlite), which rpm writes since 4.16.
#include <cstddef>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "vuln/rpm_header.h"

namespace postern::vuln {

inline constexpr std::size_t kMaxRpmDatabaseBytes = 1u << 30;  ///< Of the database, and of its log.

/// The headers in a database; `log` is the write-ahead log beside it ("-wal"), or empty. Works on a copy of its own in
/// the directory for temporary files: what is read is not changed, and what changes meanwhile is not read. Runs nothing
/// that a foreign database might bring (views, triggers), and not without end. Errors: kDataLoss (damaged, or none of
/// rpm's), kInvalidArgument (a header), kResourceExhausted (limits, no room for the copy).
Result<std::vector<RpmHeader>> read_rpm_database(std::string_view database, std::string_view log);

}  // namespace postern::vuln
