#pragma once
// Signing in and out: POST and DELETE /api/v2/authentication with JSON, and the older form: /logincheck, /logout.
#include "gateway/api/call.h"

namespace postern::gateway::api {

/// Is the address one of these? Then `serve_signin` answers, whoever asks.
bool is_signin_address(const std::string& path);
/// `query_token`: see authenticate.
void serve_signin(const CallPtr& call, const std::string& query_token);

}  // namespace postern::gateway::api
