#pragma once
// Who a request comes from, as proved by a token or a session; never as claimed by the request.
#include <cstdint>
#include <string>

#include "ems/api/route.h"

namespace postern::ems::api {

struct Principal {
  enum class Kind : std::uint8_t { kNobody, kSession, kToken };
  Kind kind = Kind::kNobody;
  std::string user;                 ///< Administrator's name; for a token the one who made it.
  Role role = Role::kAnyone;
  std::string token_id;             ///< kToken.
  std::string session_key;          ///< kSession: where the session is kept.
  std::string csrf_token;           ///< kSession: what a request that changes something must show.
  bool must_change_password = false;

  bool may(Role demanded) const {
    if (demanded == Role::kAnyone) return true;
    if (kind == Kind::kNobody) return false;
    return demanded == Role::kReadonly ? role == Role::kReadonly || role == Role::kAdmin : role == Role::kAdmin;
  }
  /// For refusals: "your role", or "this API token's role", which may be less than that of who made it.
  std::string whose_role() const { return kind == Kind::kToken ? "this API token's role" : "your role"; }
  /// As the audit log names it: "admin", or "token:<id> (admin)".
  std::string actor() const { return kind == Kind::kToken ? "token:" + token_id + " (" + user + ")" : user; }
};

}  // namespace postern::ems::api
