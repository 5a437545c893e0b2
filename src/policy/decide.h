#pragma once
// The decision. No allocation, no clock, no I/O: the same function judges a request when it comes
// and a live session whenever something it depends on has changed.
#include <cstdint>
#include <string_view>

#include "base/clock.h"
#include "base/ip.h"
#include "policy/reason.h"
#include "policy/tag_set.h"
#include "policy/view.h"

namespace postern::policy {

/// What the TLS handshake showed.
enum class Certificate : std::uint8_t {
  kNone,
  kInvalid,  ///< Foreign, damaged, out of date, or not meant for clients.
  kVerified,
};

/// What is known of the endpoint behind the certificate: its slot of ec-shm and how fresh that is.
struct EndpointState {
  bool known = false;  ///< There is a slot. False: everything below is meaningless.
  bool online = false;
  bool registered = false;
  bool quarantined = false;
  bool blocked = false;  ///< Revoked or deregistered.
  bool fresh =
      false;  ///< The lease and the connector's validity still run. Counts even when !known.
  WallTime not_after{};  ///< Of the certificate, as the EMS knows it.
  TagSet tags;
  TagSet unknown;
};

struct RequestContext {
  std::uint32_t proxy = 0;
  Certificate certificate = Certificate::kNone;
  WallTime certificate_not_after{};  ///< As the certificate itself says; meaningful when verified.
  bool manageable = true;            ///< Without a certificate: could this kind of device have one?
  std::string_view host;             ///< Lower case, without port.
  std::string_view path;             ///< Decoded and canonical.
  IpAddress source;
  std::string_view interface;  ///< By which the connection came in; empty: not known.
  WallTime now{};
};

struct Decision {
  bool allow = false;
  Reason reason = Reason::kNone;
  std::uint32_t policy = 0;  ///< The one that decided, or whose tags are the reason; 0: none.
  std::uint32_t api_gateway = 0;
  std::uint32_t pool = 0;  ///< When allowed.
  bool log = true;
  bool depends_on_endpoint = true;  ///< False: open to everybody, whatever becomes of the endpoint.
  TagSet tags;                      ///< With 064, 065, 069: the forbidden, missing or unknown ones; with 074: the users and
                              ///< groups that would be let in.
};

/// Thread: any; reads only its arguments.
Decision decide(const PolicyView& policies, const EndpointState& endpoint,
                const RequestContext& request);

/// The same as if the access proxy had this one policy alone: for explaining.
Decision decide_by(const PolicyView& policies, const blob::Policy& policy,
                   const EndpointState& endpoint, const RequestContext& request);

/// The API gateway that the request asks for; 0: none.
std::uint32_t api_gateway_of(const PolicyView& policies, const RequestContext& request);

/// Does `pattern` with '*' and '?' match the whole text? Linear in practice, never worse than the
/// product of the sizes.
bool wildcard_match(std::string_view pattern, std::string_view text);

}  // namespace postern::policy
