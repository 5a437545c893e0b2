#pragma once
// From a request to who sent it.
#include "base/result.h"
#include "gateway/api/principal.h"
#include "gateway/api/services.h"
#include "net/http.h"

namespace postern::gateway::api {

/// kNobody when nothing was shown. Errors: kUnauthenticated, when what was shown is not valid; kPermissionDenied, when it
/// is and may not be used from the address that the request comes from. `query_token` is what stood in ?access_token=,
/// already taken out of the request; empty: none.
Result<Principal> authenticate(Services& services, const net::HttpRequest& request, const std::string& query_token);

/// A request that changes something and is authenticated by a cookie must show that a page of ours sent it: its CSRF
/// token, and no foreign Origin. Error: kPermissionDenied.
Status check_csrf(const Principal& who, const net::HttpRequest& request);

/// Not from another site's page, as far as the browser says. Error: kPermissionDenied.
Status check_origin(const net::HttpRequest& request);

}  // namespace postern::gateway::api
