#include "gateway/api/auth.h"

#include "base/sha256.h"
#include "base/text.h"
#include "gateway/config/secret.h"

namespace postern::gateway::api {
namespace {

constexpr std::size_t kMaxCredential = 512;

std::string_view unquoted(std::string_view text) {
  text = trim(text);
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') text = text.substr(1, text.size() - 2);
  return text;
}

std::string session_cookie(const net::HttpRequest& request) {
  const std::string* header = request.headers.find("Cookie");
  std::string secret;
  if (header == nullptr) return secret;
  for (std::string_view pair : split(*header, ';')) {
    pair = trim(pair);
    const auto equals = pair.find('=');
    if (equals == pair.npos || pair.substr(0, equals) != kSessionCookie) continue;
    if (!secret.empty()) return {};  // two of them: somebody planted one
    secret = unquoted(pair.substr(equals + 1));
  }
  return secret.size() <= kMaxCredential ? secret : std::string();
}

/// An API user's token, by comparing with every user's: their number is small, and the time tells nothing.
std::optional<std::string> token_owner(const config::ConfigTree& tree, std::string_view token) {
  std::optional<std::string> owner;
  for (const auto& user : tree.entries("system api-user")) {
    const auto hash = user.text("api-key");
    if (config::is_hashed_key(hash) && config::verify_secret(hash, token)) owner = user.key();
  }
  return owner;
}

std::optional<Principal> session_owner(Services& services, std::string_view secret) {
  const auto* session = services.sessions.find(secret, services.clock.now().mono);
  if (session == nullptr) return std::nullopt;
  for (const auto& admin : services.store.current()->entries("system admin")) {
    if (admin.key() == session->user && admin.text("password") == session->password_hash) {
      return Principal{Principal::Kind::kSession, session->user, std::string(secret), false};
    }
  }
  services.sessions.close(secret);  // the account is gone, or has another password
  return std::nullopt;
}

Result<Principal> by_token(Services& services, std::string_view token) {
  if (token.size() > kMaxCredential) {
    return fail(ErrorCode::kUnauthenticated,
                "the API token is too long (at most " + std::to_string(kMaxCredential) + " characters are read)");
  }
  if (!token.empty()) {
    if (auto name = token_owner(*services.store.current(), token)) {
      return Principal{Principal::Kind::kToken, std::move(*name), {}, false};
    }
    // The session key that signing in gives on demand.
    if (auto admin = session_owner(services, token)) return std::move(*admin);
  }
  return fail(ErrorCode::kUnauthenticated,
              "the API token is not valid (execute api-user generate-key <name> draws one)");
}

}  // namespace

Result<Principal> authenticate(Services& services, const net::HttpRequest& request, const std::string& query_token) {
  if (const std::string* header = request.headers.find("Authorization")) {
    const std::string_view value = trim(*header);
    const auto space = value.find(' ');
    if (to_lower(value.substr(0, space)) != "bearer" || space == value.npos) {
      return fail(ErrorCode::kUnauthenticated, "Authorization must be: Bearer <API token>");
    }
    return by_token(services, trim(value.substr(space)));
  }
  if (!query_token.empty()) {
    if (!services.store.current()->single("system global").enabled("rest-api-key-url-query")) {
      return fail(ErrorCode::kUnauthenticated,
                  "API tokens are not taken in the address here (config system global, set rest-api-key-url-query "
                  "enable); send Authorization: Bearer <API token>");
    }
    return by_token(services, query_token);
  }
  const std::string secret = session_cookie(request);
  if (secret.empty()) return Principal();
  auto who = session_owner(services, secret);
  if (!who) return fail(ErrorCode::kUnauthenticated, "the session has ended: sign in again");
  who->by_cookie = true;
  return std::move(*who);
}

Status check_origin(const net::HttpRequest& request) {
  if (const std::string* origin = request.headers.find("Origin")) {
    const std::string* host = request.headers.find("Host");
    if (host != nullptr && !host->empty() && to_lower(*origin) == "https://" + to_lower(*host)) return {};
    return fail(ErrorCode::kPermissionDenied, "the request comes from another site (Origin); it was not carried out");
  }
  const std::string* site = request.headers.find("Sec-Fetch-Site");
  if (site == nullptr || *site == "same-origin" || *site == "none") return {};
  return fail(ErrorCode::kPermissionDenied,
              "the request comes from another site (Sec-Fetch-Site); it was not carried out");
}

Status check_csrf(const Principal& who, const net::HttpRequest& request) {
  if (!who.by_cookie) return {};
  if (auto same = check_origin(request); !same) return same;
  const std::string* header = request.headers.find("X-CSRFTOKEN");
  const std::string wanted = Sessions::csrf_token(who.session_secret);
  if (header != nullptr && equal_constant_time(as_bytes(unquoted(*header)), as_bytes(wanted))) return {};
  return fail(ErrorCode::kPermissionDenied,
              "the CSRF token is missing or wrong: send the value of the cookie ccsrftoken as X-CSRFTOKEN");
}

}  // namespace postern::gateway::api
