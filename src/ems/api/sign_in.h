#pragma once
// From name and password to a session: for the API's sign-in and for the pages' form.
#include <functional>
#include <string>

#include "base/result.h"
#include "ems/api/call.h"

namespace postern::ems::api {

struct SignedIn {
  std::string secret;  ///< For the cookie; nobody else keeps it.
  Principal who;
};

/// Calls `done` once, on the loop's thread, maybe later. A session that the request had is ended when it succeeds.
/// Errors: kUnauthenticated (name or password wrong; never which), kPermissionDenied (disabled), kResourceExhausted
/// (too many attempts from this address, or sessions: to be answered 429; the call has its Retry-After), kUnavailable
/// (too many at this moment).
void sign_in(const CallPtr& call, const std::string& name, const std::string& password,
             std::function<void(Result<SignedIn>)> done);

/// One attempt at a password from the call's address. Error: kResourceExhausted, as above.
Status take_attempt(const CallPtr& call);
void give_back_attempt(const CallPtr& call);

/// Is it the user's password? False too for a user that doesn't exist, after as long a time. Runs on a worker. Error:
/// kUnavailable.
void check_password(const CallPtr& call, const std::string& user, const std::string& password,
                    std::function<void(Result<bool>)> done);

/// HTTP status of an error of sign_in.
int sign_in_status(const Error& error);

}  // namespace postern::ems::api
