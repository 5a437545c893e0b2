#pragma once
// Who a request comes from, as proved by a token or a session; never as claimed by the request.
#include <cstdint>
#include <string>

namespace postern::gateway::api {

struct Principal {
  enum class Kind : std::uint8_t { kNobody, kToken, kSession };
  Kind kind = Kind::kNobody;
  std::string name;            ///< The API user's or the administrator's.
  std::string session_secret;  ///< kSession.
  bool by_cookie = false;      ///< A browser may have been made to send it: changes need the CSRF token.
  bool read_only = false;      ///< May look at everything that is no secret, and change nothing.
};

}  // namespace postern::gateway::api
