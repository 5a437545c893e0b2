#include "gateway/api/auth.h"

#include <fmt/format.h>

#include "base/log.h"
#include "base/sha256.h"
#include "base/text.h"
#include "gateway/api/trust.h"
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

/// Whom a request comes from, if it comes from where that account may be used.
Result<Principal> principal_of(const config::ObjectView& account, Principal who, const IpAddress& from) {
  if (!trusted(account, from)) {
    log_warning("api.untrusted_address", "an account was used from an address that it may not be used from",
                {{"account", account.key()}, {"address", from.str()}});
    return fail(ErrorCode::kPermissionDenied,
                fmt::format("{} {} may not be used from {} (trusthost)", account.table().name, account.key(), from.str()));
  }
  who.name = account.key();
  who.read_only = account.text("accprofile") != "super_admin";
  return who;
}

/// An API user's token, by comparing with every user's: their number is small, and the time tells nothing.
std::optional<config::ObjectView> token_owner(const config::ConfigTree& tree, std::string_view token) {
  std::optional<config::ObjectView> owner;
  for (const auto& user : tree.entries("system api-user")) {
    const auto hash = user.text("api-key");
    if (config::is_hashed_key(hash) && config::verify_secret(hash, token)) owner = user;
  }
  return owner;
}

/// nullopt: no session has this secret.
std::optional<Result<Principal>> session_owner(Services& services, std::string_view secret, const IpAddress& from) {
  const auto tree = services.store.current();
  services.sessions.set_idle(std::chrono::minutes(tree->single("system global").integer("admintimeout")));
  const auto* session = services.sessions.find(secret, services.clock.now().mono);
  if (session == nullptr) return std::nullopt;
  for (const auto& admin : tree->entries("system admin")) {
    if (admin.key() == session->user && admin.text("password") == session->password_hash) {
      Principal who;
      who.kind = Principal::Kind::kSession;
      who.session_secret = std::string(secret);
      return principal_of(admin, std::move(who), from);
    }
  }
  services.sessions.close(secret);  // the account is gone, or has another password
  return std::nullopt;
}

Result<Principal> by_token(Services& services, std::string_view token, const IpAddress& from) {
  if (token.size() > kMaxCredential) {
    return fail(ErrorCode::kUnauthenticated,
                "the API token is too long (at most " + std::to_string(kMaxCredential) + " characters are read)");
  }
  if (!token.empty()) {
    const auto tree = services.store.current();
    if (const auto user = token_owner(*tree, token)) {
      Principal who;
      who.kind = Principal::Kind::kToken;
      return principal_of(*user, std::move(who), from);
    }
    // The session key that signing in gives on demand.
    if (auto admin = session_owner(services, token, from)) return std::move(*admin);
  }
  return fail(ErrorCode::kUnauthenticated,
              "the API token is not valid (execute api-user generate-key <name> draws one)");
}

}  // namespace

Result<Principal> authenticate(Services& services, const net::HttpRequest& request, const std::string& query_token) {
  const IpAddress& from = request.peer.remote_ip;
  if (const std::string* header = request.headers.find("Authorization")) {
    const std::string_view value = trim(*header);
    const auto space = value.find(' ');
    if (to_lower(value.substr(0, space)) != "bearer" || space == value.npos) {
      return fail(ErrorCode::kUnauthenticated, "Authorization must be: Bearer <API token>");
    }
    return by_token(services, trim(value.substr(space)), from);
  }
  if (!query_token.empty()) {
    if (!services.store.current()->single("system global").enabled("rest-api-key-url-query")) {
      return fail(ErrorCode::kUnauthenticated,
                  "API tokens are not taken in the address here (config system global, set rest-api-key-url-query "
                  "enable); send Authorization: Bearer <API token>");
    }
    return by_token(services, query_token, from);
  }
  const std::string secret = session_cookie(request);
  if (secret.empty()) return Principal();
  auto who = session_owner(services, secret, from);
  if (!who) return fail(ErrorCode::kUnauthenticated, "the session has ended: sign in again");
  if (*who) (*who)->by_cookie = true;
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
