#include "policy/reason.h"

namespace postern::policy {
namespace {

struct Row {
  Reason reason;
  std::string_view code;
  std::string_view name;
  std::string_view text;
  UserText user;
};

constexpr UserText kHelpDesk{
    "This page can't be opened from here",
    "Tell your help desk the denial id. They see the full reason under it."};

constexpr Row kRows[] = {
    {Reason::kNone, "000", "none", "allowed", {"", ""}},
    {Reason::kInvalidCertificate,
     "001",
     "invalid_certificate",
     "the client certificate is not valid: foreign issuer, out of date, damaged or not meant for "
     "clients",
     {"This device's certificate is not accepted",
      "Open the Postern window and check that this device is registered. Then choose the "
      "certificate it shows."}},
    {Reason::kEmptyCertificate,
     "002",
     "empty_certificate",
     "the client showed no certificate",
     {"This device has not said who it is",
      "Register this device with Postern. If it is registered, choose its certificate when the "
      "browser asks."}},
    {Reason::kManageableEmpty,
     "003",
     "manageable_empty_certificate",
     "the client showed no certificate although its kind of device can be managed",
     {"This device has not said who it is",
      "Register this device with Postern. If it is registered, choose its certificate when the "
      "browser asks."}},
    {Reason::kNoApiGateway,
     "021",
     "no_api_gateway",
     "no API gateway matches this host and path",
     {"There is nothing at this address", "Check the address for a typing mistake."}},
    {Reason::kNoRealServer,
     "022",
     "no_real_server",
     "the API gateway has no real server that can be used",
     {"The application is not running at the moment", "Try again in a few minutes."}},
    {Reason::kRealServerUnresolved,
     "023",
     "real_server_unresolved",
     "the real server's name does not resolve",
     {"The application is not running at the moment", "Try again in a few minutes."}},
    {Reason::kPortal, "041", "portal", "the portal refused", kHelpDesk},
    {Reason::kNoPolicy, "061", "no_policy", "no policy matches", kHelpDesk},
    {Reason::kDenyPolicy, "062", "deny_policy", "a deny policy matches", kHelpDesk},
    {Reason::kRevoked,
     "063",
     "revoked",
     "the certificate is revoked or the endpoint deregistered",
     {"This device is no longer registered",
      "Register it again in the Postern window, or ask your help desk."}},
    {Reason::kForbiddenTag,
     "064",
     "forbidden_tag",
     "the endpoint has a tag that the policy forbids",
     {"This device needs attention first", "Open the Postern window: it says what to mend."}},
    {Reason::kMissingTag,
     "065",
     "missing_tag",
     "the endpoint lacks a tag that the policy demands",
     {"Something is missing on this device", "Open the Postern window: it says what to mend."}},
    {Reason::kUnknownEndpoint,
     "066",
     "unknown_endpoint",
     "no endpoint management server knows this certificate",
     {"This device is not known here",
      "Check in the Postern window that it is registered and connected."}},
    {Reason::kOffline,
     "067",
     "offline",
     "the endpoint's agent is offline",
     {"This device has lost touch with its management server",
      "Check in the Postern window that it is connected. This page opens once it is."}},
    {Reason::kQuarantined,
     "068",
     "quarantined",
     "the endpoint is quarantined",
     {"This device is quarantined", "Contact your help desk: somebody has to release it."}},
    {Reason::kPostureUnknown,
     "069",
     "posture_unknown",
     "it is not known whether the endpoint has a tag that the policy reads",
     {"This device's state is not known yet",
      "Check in the Postern window that everything it reports is complete. This page opens once it "
      "is known."}},
    {Reason::kStale,
     "070",
     "stale",
     "what is known of endpoints is too old: the lease or the connector's validity ran out",
     {"Devices can't be checked at the moment",
      "This is not your device's fault. Try again in a few minutes."}},
    {Reason::kPathNotCanonical,
     "071",
     "path_not_canonical",
     "the path has more than one reading: dot segments, empty segments or encoded separators",
     {"This address can't be used",
      "Remove doubled slashes, dots between slashes and encoded characters from it."}},
    {Reason::kHostMismatch,
     "072",
     "host_mismatch",
     "the Host header names another server than the request line or the TLS handshake did",
     {"This connection is for another address", "Open the address again in a new window."}},
    {Reason::kCleared,
     "073",
     "cleared",
     "an administrator ended the session",
     {"This connection was ended", "Open the address again."}},
    {Reason::kWrongUser,
     "074",
     "wrong_user",
     "the user signed in at the endpoint is not one that the policy names, or is not known",
     {"This needs somebody else to sign in",
      "Sign in to this device with the account that you use for this application, or ask your help desk."}},
};

const Row& row(Reason reason) {
  for (const auto& r : kRows) {
    if (r.reason == reason) return r;
  }
  return kRows[0];
}

}  // namespace

std::string_view reason_code(Reason reason) { return row(reason).code; }
std::string_view reason_name(Reason reason) { return row(reason).name; }
std::string_view reason_text(Reason reason) { return row(reason).text; }
UserText reason_user_text(Reason reason) { return row(reason).user; }

std::optional<Reason> reason_from_number(unsigned number) {
  for (const auto& r : kRows) {
    if (static_cast<unsigned>(r.reason) == number) return r.reason;
  }
  return std::nullopt;
}

bool concerns_identity(Reason reason) {
  switch (reason) {
    case Reason::kInvalidCertificate:
    case Reason::kRevoked:
    case Reason::kUnknownEndpoint:
    case Reason::kOffline:
    case Reason::kQuarantined:
      return true;
    default:
      return false;
  }
}

}  // namespace postern::policy
