#pragma once
// What handlers work with: the core and the API's own small state.
#include <string>

#include "base/rate_limit.h"
#include "ems/api/api.h"
#include "ems/api/router.h"
#include "ems/api/sessions.h"

namespace postern::ems::api {

/// Thread: loop.
struct Services {
  Services(EmsCore& core, const Clock& clock, Random& random, ApiHooks hooks);

  EmsCore& core;
  const Clock& clock;
  Random& random;
  ApiHooks hooks;
  Router router;
  std::string openapi;
  Sessions sessions;
  RateLimit signins;         ///< By address; an IPv6 network of 64 bits counts as one.
  std::string decoy_hash;
  std::size_t hashing = 0;   ///< Password hashes being computed now: each takes 64 MiB.
  std::size_t waiting = 0;   ///< Long polls being held.
};

inline constexpr std::size_t kMaxHashing = 4;
inline constexpr std::size_t kMaxWaiting = 256;

}  // namespace postern::ems::api
