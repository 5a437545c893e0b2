#pragma once
// Versions of TLS, as the configuration spells them.
#include <cstdint>
#include <string_view>

namespace postern::gateway::config {

enum class TlsVersion : std::uint8_t { k10, k11, k12, k13 };

/// Of an option's value, "tls-1.0" to "tls-1.3".
inline TlsVersion tls_version(std::string_view text) {
  return text == "tls-1.0"   ? TlsVersion::k10
         : text == "tls-1.1" ? TlsVersion::k11
         : text == "tls-1.2" ? TlsVersion::k12
                             : TlsVersion::k13;
}

}  // namespace postern::gateway::config
