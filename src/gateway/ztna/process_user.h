#pragma once
// The user as whom nginx and what works beside it run.
#include <sys/types.h>

#include <string>

#include "base/result.h"

namespace postern::gateway {

struct ProcessUser {
  uid_t uid = 0;
  gid_t gid = 0;
};

/// Of this name; empty: as we are. Asks whoever nsswitch.conf names: may take a while. Errors: kNotFound.
Result<ProcessUser> find_process_user(const std::string& name);

}  // namespace postern::gateway
