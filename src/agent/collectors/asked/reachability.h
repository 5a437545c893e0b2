#pragma once
// What a rule may ask the network for. Pure.
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/hex.h"
#include "net/download.h"

namespace postern::agent {

struct WebAddress {
  bool tls = false;
  std::string host;  ///< Without brackets.
  std::uint16_t port = 80;
  std::string path = "/";  ///< With its query.
  friend bool operator==(const WebAddress&, const WebAddress&) = default;
};
/// An absolute URL of http or https; nothing: it is none, or names a user.
std::optional<WebAddress> parse_web_address(std::string_view url);

/// How an address with TLS is asked, by these authorities, for so long at most: with its path and query as they stand.
net::Download web_question(const WebAddress& web, std::string roots_pem, std::chrono::milliseconds patience);

/// Is this the beginning of an answer of HTTP? "HTTP/1.1 200…"
bool is_http_answer(std::string_view text);

/// Is this datagram of an ICMP socket the echo of ours? `raw`: an IPv4 header stands in front.
bool is_echo(ByteView datagram, bool v6, bool raw, std::uint16_t id, std::uint16_t sequence);

}  // namespace postern::agent
