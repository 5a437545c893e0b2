#pragma once
// What the requests share.
#include <string>

#include "base/clock.h"
#include "base/random.h"
#include "base/rate_limit.h"
#include "gateway/api/sessions.h"
#include "gateway/cli/operations.h"
#include "gateway/config/store.h"

namespace postern::gateway::api {

struct Services {
  Services(config::ConfigStore& s, cli::GatewayOperations& o, const Clock& c, Random& r);

  config::ConfigStore& store;
  cli::GatewayOperations& operations;
  const Clock& clock;
  Random& random;
  const GatewaySerial serial;
  Sessions sessions;
  /// Attempts to sign in, by address: ten at once, then one every three seconds.
  RateLimit signins{10, Seconds(3), 10'000};
  /// Passwords being checked: each takes 64 MiB.
  unsigned checking = 0;
  static constexpr unsigned kMaxChecking = 4;
  /// Checked when the administrator doesn't exist, so that the time an answer takes does not tell who does.
  std::string decoy_hash;
};

}  // namespace postern::gateway::api
