#pragma once
// New passwords: one's own, for the API and for the pages' form, and others'.
#include <functional>
#include <string>

#include "base/result.h"
#include "ems/api/call.h"

namespace postern::ems::api {

/// The user of the call's session gets another password; their other sessions end. Their API tokens stay, but end too
/// when the password had to be changed. Calls `done` once, on the loop's thread, maybe later, with the HTTP status that
/// belongs to an error. REQUIRES: the call comes with a session. Errors: kInvalidArgument (the new one is not
/// acceptable), kPermissionDenied (the old one is wrong), kResourceExhausted (too many attempts; the call has its
/// Retry-After), kConflict (changed meanwhile), kUnavailable, those of the commit.
void change_own_password(const CallPtr& call, const std::string& old_password, const std::string& new_password,
                         std::function<void(Status, int http_status)> done);

/// Hashes on a worker; `done` is called on the loop's thread. Error: kUnavailable.
void hash_later(const CallPtr& call, const std::string& password, std::function<void(Result<std::string>)> done);

}  // namespace postern::ems::api
