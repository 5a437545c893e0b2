#pragma once
// A gateway without any administrator gets one: `admin`, with a random password that only root can read.
#include <filesystem>

#include "base/random.h"
#include "base/result.h"
#include "gateway/config/store.h"

namespace postern::gateway {

/// Writes the password to `data_dir`/initial-password (0600) before it is in force, so that a crash between the two
/// loses nothing: the next start takes the password that stands there. Blocking (a password is hashed): before the loop
/// runs. Errors: those of the file system and of committing.
Status ensure_administrator(config::ConfigStore& store, const std::filesystem::path& data_dir, Random& random);

/// Once the first password lets nobody in any more, its file goes: `hash` is what the administrator admin has now, empty:
/// there is none. Blocking (verify_secret); thread: any.
void drop_initial_password(const std::filesystem::path& data_dir, const std::string& hash);

}  // namespace postern::gateway
