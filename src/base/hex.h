#pragma once
// Bytes as text and back.
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace postern {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;

inline ByteView as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
inline std::string_view as_text(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline std::string to_text(ByteView bytes) { return std::string(as_text(bytes)); }

std::string to_hex_upper(ByteView bytes);
std::string to_hex_lower(ByteView bytes);
/// Upper-case pairs joined by colons, as certificates' fingerprints are shown: "AB:CD:…".
std::string to_hex_colons(ByteView bytes);
/// Hex digits of either case, with or without colons between pairs; nullopt for anything else.
std::optional<Bytes> from_hex(std::string_view text);

std::string to_base64(ByteView bytes);
std::string to_base64url(ByteView bytes);  ///< Without padding.
/// Either alphabet, padding optional; nullopt on any other character or impossible length.
std::optional<Bytes> from_base64(std::string_view text);

}  // namespace postern
