#pragma once
// What kind of session goes through an access proxy.
#include <cstdint>
#include <string_view>

namespace postern::ecshm {

enum class SessionKind : std::uint8_t {
  kNone = 0,  ///< Not said: what was refused, or ended before anything was known of it.
  kHttp1 = 1,
  kHttp2 = 2,
  kWebSocket = 3,
  kGrpc = 4,
  kTcpForwarding = 5,
};

inline constexpr std::uint32_t kSessionKinds = 6;

/// "http1", "websocket"; empty for kNone. Stands in logs and metrics.
constexpr std::string_view session_kind_name(SessionKind kind) {
  constexpr std::string_view kNames[kSessionKinds] = {"", "http1", "http2", "websocket", "grpc", "tcp-forwarding"};
  const auto number = static_cast<std::uint32_t>(kind);
  return number < kSessionKinds ? kNames[number] : std::string_view();
}

}  // namespace postern::ecshm
