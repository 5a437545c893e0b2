#pragma once
// An invitation as the text that people paste: where the EMS is, the code, and what its root key must be.
//   postern://ems.example:8013,10.0.2.10:8013/CODE#SHA256-OF-THE-ROOT-KEY-IN-HEX
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/sha256.h"

namespace postern::proto {

inline constexpr std::size_t kMaxInvitation = 4096;  ///< Bytes of the text.
inline constexpr std::size_t kMaxInvitationAddresses = 16;

struct Invitation {
  std::vector<std::string> addresses;  ///< "host:port", "[v6]:port"; at least one, to be tried in this order.
  std::string code;                    ///< 8..128 of A-Z, a-z, 0-9, '-'. Secret: sent to this EMS and nobody else.
  Sha256 root_key_sha256{};            ///< Of the SubjectPublicKeyInfo of the EMS root key.
  friend bool operator==(const Invitation&, const Invitation&) = default;
};

std::string print_invitation(const Invitation& invitation);
/// White space around it is ignored. Error: kInvalidArgument, saying what is wrong without repeating the code.
Result<Invitation> parse_invitation(std::string_view text);

/// "host:port" or "[v6]:port" taken apart. Error: kInvalidArgument.
struct HostPort {
  std::string host;  ///< Without brackets.
  std::uint16_t port = 0;
};
Result<HostPort> parse_host_port(std::string_view text);

}  // namespace postern::proto
