#include "ems/api/auth.h"

#include "base/sha256.h"
#include "base/text.h"

namespace postern::ems::api {
namespace {

constexpr std::size_t kMaxCredential = 512;

}  // namespace

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
