#pragma once
// Why a request was refused. The numbers are a public contract: people search logs for them and
// read them out.
#include <cstdint>
#include <optional>
#include <string_view>

namespace postern::policy {

enum class Reason : std::uint16_t {
  kNone = 0,                ///< Allowed.
  kInvalidCertificate = 1,  ///< Foreign, expired, damaged, or not meant for clients.
  kEmptyCertificate = 2,
  kManageableEmpty = 3,  ///< No certificate from a device that could have one.
  kNoApiGateway = 21,    ///< Nothing is published under this host and path.
  kNoRealServer = 22,
  kRealServerUnresolved = 23,
  kPortal = 41,
  kNoPolicy = 61,
  kDenyPolicy = 62,
  kRevoked = 63,
  kForbiddenTag = 64,
  kMissingTag = 65,
  kUnknownEndpoint = 66,
  kOffline = 67,
  kQuarantined = 68,
  kPostureUnknown = 69,
  kStale = 70,             ///< The lease or the connector's validity has run out.
  kPathNotCanonical = 71,  ///< The path could mean two things: dot segments, "//", "%2f", ...
  kCleared = 73,        ///< An administrator ended the session.
  kWrongUser = 74,      ///< Somebody else is signed in at the endpoint than the policy names, or nobody.
  kHostMismatch = 72,      ///< The Host header names another server than the request line or TLS did.
};

/// "061": three digits.
std::string_view reason_code(Reason reason);
/// Stable snake_case name for logs, such as "missing_tag".
std::string_view reason_name(Reason reason);
/// For an administrator: what happened.
std::string_view reason_text(Reason reason);
/// For the person in front of the denial page: a heading and what to do. Neither names a tag,
/// policy or value.
struct UserText {
  std::string_view title;
  std::string_view advice;
};
UserText reason_user_text(Reason reason);
std::optional<Reason> reason_from_number(unsigned number);

/// Of the endpoint itself, whatever the policy: such a reason ends its whole connection, not just
/// one request.
bool concerns_identity(Reason reason);

}  // namespace postern::policy
