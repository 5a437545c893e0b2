#pragma once
// HTTP/2 (RFC 9113) as far as a benchmark's own clients and servers need it: frames out, frames in, header fields as literals.
#include <cstdint>
#include <string>
#include <string_view>

namespace postern::bench::http2 {

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr std::size_t kHead = 9, kMaxPayload = 16 * 1024;

enum Type : std::uint8_t { kData = 0, kHeaders = 1, kRstStream = 3, kSettings = 4, kPing = 6, kGoaway = 7, kWindowUpdate = 8 };
enum Flag : std::uint8_t { kEndStream = 1, kAck = 1, kEndHeaders = 4 };

struct Frame {
  std::uint8_t type = 0, flags = 0;
  std::uint32_t stream = 0;
  std::string_view payload;
};

inline std::string number(std::uint32_t value) {
  return {static_cast<char>(value >> 24), static_cast<char>(value >> 16), static_cast<char>(value >> 8),
          static_cast<char>(value)};
}

inline std::string frame(Type type, int flags, std::uint32_t stream, std::string_view payload = {}) {
  std::string out = number(static_cast<std::uint32_t>(payload.size())).substr(1);
  out += static_cast<char>(type);
  out += static_cast<char>(flags);
  return out.append(number(stream)).append(payload);
}

/// A header field without indexing; both shorter than 127 bytes.
inline std::string literal(std::string_view name, std::string_view value) {
  std::string out(1, '\0');
  out += static_cast<char>(name.size());
  out += name;
  out += static_cast<char>(value.size());
  return out.append(value);
}

/// What a client begins a connection with: windows that a short session never uses up.
inline std::string client_start() {
  constexpr std::uint32_t kLargest = 0x7fffffff;
  return std::string(kPreface) + frame(kSettings, 0, 0, std::string("\0\x04", 2) + number(kLargest)) +
         frame(kWindowUpdate, 0, 0, number(kLargest - 65535));
}

enum class Taken { kFrame, kMore, kWrong };

/// The frame that `in` begins with. It is `size` bytes long with its head; its payload lives in `in`.
inline Taken take(std::string_view in, Frame& out, std::size_t& size) {
  if (in.size() < kHead) return Taken::kMore;
  const auto byte = [&](std::size_t i) { return static_cast<std::uint32_t>(static_cast<unsigned char>(in[i])); };
  const std::size_t length = byte(0) << 16 | byte(1) << 8 | byte(2);
  if (length > kMaxPayload) return Taken::kWrong;
  size = kHead + length;
  if (in.size() < size) return Taken::kMore;
  out.type = static_cast<std::uint8_t>(in[3]);
  out.flags = static_cast<std::uint8_t>(in[4]);
  out.stream = (byte(5) & 0x7f) << 24 | byte(6) << 16 | byte(7) << 8 | byte(8);
  out.payload = in.substr(kHead, length);
  return Taken::kFrame;
}

}  // namespace postern::bench::http2
