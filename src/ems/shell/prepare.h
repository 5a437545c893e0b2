#pragma once
// What stands on disk before anything listens: the data directory, the database, and at the first start an EMS in it.
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "ems/store/store.h"

namespace postern::ems {

/// The password that the first start wrote for kFirstAdministrator. It is there for as long as it lets somebody in.
inline constexpr const char* kInitialPasswordFile = "initial-password";

/// Opens the store and makes the EMS if there is none: its first password goes to kInitialPasswordFile, mode 0600, and
/// has to be changed at the first sign-in unless `keep_initial_password`. Errors say what to do.
Result<std::unique_ptr<Store>> prepare_store(const std::filesystem::path& data_dir, Random& random, Now now,
                                             const std::vector<std::string>& server_names,
                                             bool keep_initial_password = false);

/// Removes the file of the initial password unless that is still the password of `hash` (empty: the administrator is
/// gone). What can't be read or removed is logged and stays. Takes tens of milliseconds and 64 MiB when the file is
/// there: for a worker.
void drop_initial_password(const std::filesystem::path& file, const std::string& hash);

/// A password that can be read out and typed.
std::string new_password(Random& random);

}  // namespace postern::ems
