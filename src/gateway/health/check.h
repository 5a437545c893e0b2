#pragma once
// How a real server is asked whether it is well.
#include <compare>
#include <cstdint>
#include <string>

#include "base/ip.h"

namespace postern::gateway::health {

enum class Protocol : std::uint8_t {
  kNone,        ///< It isn't: nothing is known of it.
  kPing,        ///< It answers an ICMP echo.
  kHttp,        ///< It answers GET / with a status below 500.
  kTcpConnect,  ///< It takes a connection, and over TLS makes the handshake.
};
/// "tcp-connect".
const char* protocol_name(Protocol protocol);

/// What is asked, and where. Equal ones are asked once, whoever wants to know.
struct Check {
  Protocol protocol = Protocol::kNone;
  IpAddress address;
  std::uint16_t port = 0;
  bool tls = false;   ///< It speaks TLS 1.2 or newer. Whether its certificate is good is not the question here.
  std::string host;   ///< Named in the handshake and in the Host header; empty: the address.
  auto operator<=>(const Check&) const = default;
};

/// What one check came to.
struct Finding {
  enum class Outcome : std::uint8_t {
    kWell,
    kIll,
    kCannotTell,  ///< It could not be asked: this machine doesn't let us.
  };
  Outcome outcome = Outcome::kCannotTell;
  std::string why;  ///< For a person: "HTTP 503", "connection refused"; with kCannotTell what to do, too.
};

}  // namespace postern::gateway::health
