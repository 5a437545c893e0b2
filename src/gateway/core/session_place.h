#pragma once
// Where a live session came in.
#include <compare>
#include <cstdint>
#include <string>

#include "base/ip.h"
#include "ecshm/session_kind.h"

namespace postern::gateway {

/// What a live session came through, beside its certificate: what a policy looks at.
struct SessionPlace {
  std::uint32_t proxy = 0;
  IpAddress source;
  std::string interface = {};  ///< Empty: not known, or no policy asks for interfaces.
  ecshm::SessionKind kind = ecshm::SessionKind::kNone;
  std::string destination = {};  ///< Of a forwarded TCP connection, "host:port"; for people, no policy looks at it.
  friend auto operator<=>(const SessionPlace&, const SessionPlace&) = default;
};

}  // namespace postern::gateway
