#pragma once
// How an EMS is reached and recognised: one of its addresses, and the key that its chain must end in.
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "base/sha256.h"
#include "net/client.h"

namespace postern::agent {

struct EmsTarget {
  net::Target target;
  /// Filled when the server was reached and is not this EMS: what to tell instead of the connection's own error.
  std::shared_ptr<std::optional<Error>> refused;

  /// The error to show for a failed attempt.
  Error explain(const Error& error) const;
};

/// `address` is "host:port". The name in the certificate says nothing: the root key is the identity. `clock` outlives
/// the attempt. Errors: kInvalidArgument.
Result<EmsTarget> ems_target(const std::string& address, const Sha256& root_key_sha256, const char* protocol,
                             const Clock& clock);

}  // namespace postern::agent
