#pragma once
// What real servers answer to checks: bytes of strangers. Pure.
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/hex.h"

namespace postern::gateway::health {

/// So much of an answer is read at most.
inline constexpr std::size_t kMaxAnswer = 512;

/// The status that an HTTP/1.x answer begins with, 100 to 599. nullopt: it is none, or not whole yet.
std::optional<int> http_status(std::string_view answer);

/// An ICMP echo request: v6 or v4, with a payload that tells the answer from those to others. Checksum included for v4;
/// for v6 the kernel makes it.
Bytes echo_request(bool v6, std::uint16_t id, std::uint16_t sequence, std::uint64_t payload);
/// Is this packet the answer to it? `with_header`: it begins with an IPv4 header.
bool is_echo_reply(ByteView packet, bool v6, bool with_header, std::uint16_t sequence, std::uint64_t payload);

}  // namespace postern::gateway::health
