#pragma once
// The store in one SQLite file: WAL, synchronous=FULL, one writer. Every statement is prepared once and takes values as
// parameters only.
#include <filesystem>
#include <memory>

#include "base/random.h"
#include "ems/store/store.h"

namespace postern::ems {

/// Opens `file` (mode 0600), or makes it. Errors: kPermissionDenied, kUnavailable (another postern-ems has it open),
/// kUnsupported (written by a newer version), kDataLoss (not our database, or damaged), kResourceExhausted.
Result<std::unique_ptr<Store>> open_sqlite_store(const std::filesystem::path& file, Random& random);

}  // namespace postern::ems
