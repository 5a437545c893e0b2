#pragma once
// The first start: everything that an EMS needs to be itself, made in one transaction. Interrupted, it leaves nothing.
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "ems/store/store.h"

namespace postern::ems {

/// The administrator that a new EMS has.
inline constexpr const char* kFirstAdministrator = "admin";

struct BootstrapOptions {
  std::string password_hash;              ///< Of the first administrator.
  bool must_change_password = false;      ///< At the first sign-in.
  std::vector<std::string> server_names;  ///< Names and addresses for the telemetry and web certificates.
};

/// True if the store holds no EMS yet. Errors of the store.
Result<bool> store_is_blank(const Store& store);
/// Serial number, tenant (zeros), EMS root key, ZTNA CA, telemetry and web certificates, administrator, default
/// profile. The built-in tag is the engine's. Error: kConflict (not blank), those of the store.
Status bootstrap(Store& store, Random& random, Now now, const BootstrapOptions& options);
/// Sets a password from the command line, while the EMS does not run; enables the administrator and ends their API
/// tokens. Error: kNotFound.
Status set_password(Store& store, Now now, const std::string& administrator, const std::string& password_hash);

}  // namespace postern::ems
