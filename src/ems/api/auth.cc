#include "ems/api/auth.h"

#include <algorithm>

#include "base/sha256.h"
#include "base/text.h"
#include "ems/core/ems_core.h"

namespace postern::ems::api {
namespace {

constexpr std::size_t kMaxCredential = 512;

Role role_of(AdministratorRole role) { return role == AdministratorRole::kAdmin ? Role::kAdmin : Role::kReadonly; }

tl::unexpected<Error> nobody(std::string why) { return fail(ErrorCode::kUnauthenticated, std::move(why)); }

Result<Principal> by_token(Services& services, const net::HttpRequest& request) {
  if (request.headers.count("Authorization") != 1) return nobody("there is more than one Authorization header");
  const std::string_view header = trim(*request.headers.find("Authorization"));
  const std::size_t space = std::min(header.find(' '), header.size());
  const std::string_view text = trim(header.substr(space));
  if (to_lower(header.substr(0, space)) != "bearer" || text.empty()) {
    return nobody("the Authorization header is not \"Bearer <API token>\"");
  }
  if (text.size() > kMaxCredential) {
    return nobody("the API token is too long (at most " + std::to_string(kMaxCredential) + " characters are read)");
  }
  const ApiToken* token = services.core.api_token(sha256(text), services.clock.now().wall);
  const Administrator* user = token == nullptr ? nullptr : services.core.administrator(token->user);
  if (user == nullptr) return nobody("the API token is not known here or has run out; make another one");
  if (user->disabled) return nobody("the administrator who made this API token is disabled");
  Principal who;
  who.kind = Principal::Kind::kToken;
  who.user = user->name;
  // Ordered by what they may do: the lesser of what the token was made for and what its maker may do today.
  who.role = std::max(role_of(token->role), role_of(user->role));
  who.token_id = token->id;
  return who;
}

Result<Principal> by_session(Services& services, const std::string& secret) {
  const auto name = services.sessions.find(secret, services.clock.now().mono);
  const Administrator* user = name ? services.core.administrator(*name) : nullptr;
  if (user == nullptr || user->disabled) return nobody("the session has ended; sign in again");
  Principal who;
  who.kind = Principal::Kind::kSession;
  who.user = user->name;
  who.role = role_of(user->role);
  who.session_key = secret;
  who.csrf_token = Sessions::csrf_token(secret);
  who.must_change_password = user->must_change_password;
  return who;
}

}  // namespace

Result<Principal> authenticate(Services& services, const net::HttpRequest& request) {
  if (request.headers.find("Authorization") != nullptr) return by_token(services, request);
  const std::string secret = session_cookie(request);
  if (secret.empty()) return Principal{};
  return by_session(services, secret);
}

std::string session_cookie(const net::HttpRequest& request) {
  std::string secret;
  for (const auto& [name, value] : request.headers.all()) {
    if (to_lower(name) != "cookie") continue;
    for (std::string_view pair : split(value, ';')) {
      pair = trim(pair);
      const std::size_t eq = pair.find('=');
      if (eq == std::string_view::npos || pair.substr(0, eq) != kSessionCookie) continue;
      if (!secret.empty()) return {};  // two of them: somebody planted one
      secret = pair.substr(eq + 1);
    }
  }
  return secret.size() <= kMaxCredential ? secret : std::string();
}

Status check_same_origin(const net::HttpRequest& request) {
  const std::string* origin = request.headers.find("Origin");
  const std::string* host = request.headers.find("Host");
  if (origin != nullptr) {
    if (host != nullptr && !host->empty() && request.headers.count("Origin") == 1 &&
        to_lower(*origin) == "https://" + to_lower(*host)) {
      return {};
    }
    return fail(ErrorCode::kPermissionDenied, "the request comes from another site (Origin); it was not carried out");
  }
  const std::string* site = request.headers.find("Sec-Fetch-Site");
  if (site != nullptr && *site != "same-origin" && *site != "none") {
    return fail(ErrorCode::kPermissionDenied,
                "the request comes from another site (Sec-Fetch-Site); it was not carried out");
  }
  return {};
}

Status check_csrf(const Principal& who, std::string_view shown) {
  if (who.kind != Principal::Kind::kSession) return {};
  if (!shown.empty() && equal_constant_time(as_bytes(shown), as_bytes(who.csrf_token))) return {};
  return fail(ErrorCode::kPermissionDenied,
              "the CSRF token is missing or wrong: send the csrf_token of auth/session in the X-CSRF-Token header");
}

}  // namespace postern::ems::api
