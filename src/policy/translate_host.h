#pragma once
// What a real server says of its own name in an answer, told to the client as the name that the client knows. Pure.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace postern::policy {

/// The one name of two.
struct HostTranslation {
  std::string_view server;        ///< `http-host`, as it was sent: lower case; a port may stand behind it.
  std::string_view client;        ///< The client's Host header, port included.
  std::uint16_t server_port = 0;  ///< Where the real server listens.
};

/// A Location header. nullopt: it does not name the server over HTTP at a port of its own, and stays as it is.
std::optional<std::string> translate_location(std::string_view location, const HostTranslation& names);
/// A Set-Cookie header: its Domain attributes that are the server's name. nullopt: none is.
std::optional<std::string> translate_cookie(std::string_view cookie, const HostTranslation& names);
/// "app.example" of "app.example:8443", "[::1]" of "[::1]:443".
std::string_view without_port(std::string_view host);

}  // namespace postern::policy
