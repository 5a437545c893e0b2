#pragma once
// An administrator's order to end sessions, on its way to the workers.
#include <cstdint>
#include <optional>
#include <string>

#include "base/ip.h"
#include "base/sha256.h"
#include "ecshm/session_kind.h"

namespace postern::ecshm {

/// Which sessions: those that fit everything that is set. Nothing set: all. Where it says which requests end, also those of
/// clients without a certificate.
struct ClearOrder {
  std::uint32_t ticket = 0;  ///< The worker says it with what it did.
  std::optional<Sha256> leaf = {};
  std::uint32_t proxy = 0;   ///< 0: any.
  std::uint32_t policy = 0;  ///< 0: any. With it only requests that this policy let through end, not their connections.
  IpAddress source = {};     ///< Not valid: any.
  SessionKind kind = SessionKind::kNone;  ///< kNone: any.
  std::uint32_t api_gateway = 0;     ///< 0: any. Likewise only requests.
  std::uint32_t server = 0;          ///< The real server's number; 0: any. Likewise only requests.
  std::string destination = {};      ///< Of forwarded TCP, as an event's detail has it; empty: any.
  /// For the log; cut off after 64 bytes. Empty: nobody's wish, but where it leads to was taken out of the configuration.
  std::string administrator = {};
};

}  // namespace postern::ecshm
