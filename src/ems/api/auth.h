#pragma once
// From a request's credentials to a Principal.
#include <string>

#include "base/result.h"
#include "ems/api/principal.h"
#include "ems/api/services.h"
#include "net/http.h"

namespace postern::ems::api {

/// One kind of credentials, and it must be good: a request with an Authorization header is judged by this header alone,
/// whatever cookie it also has. Nobody when there are none. Error: kUnauthenticated.
Result<Principal> authenticate(Services& services, const net::HttpRequest& request);

/// Whether a browser may have been made to send this by another site. Session requests that change something need the
/// CSRF token (header X-CSRF-Token, or the form's field), and no request that changes something without a bearer token
/// may come from a foreign origin. Error: kPermissionDenied.
Status check_same_origin(const net::HttpRequest& request);
Status check_csrf(const Principal& who, std::string_view shown);

/// The session's secret in the Cookie header; empty when there is none or more than one.
std::string session_cookie(const net::HttpRequest& request);

}  // namespace postern::ems::api
