#include "gateway/health/answers.h"

#include <cstring>

namespace postern::gateway::health {
namespace {

constexpr std::size_t kEchoBytes = 16;  // header and payload

std::uint16_t checksum(ByteView bytes) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) sum += static_cast<std::uint32_t>(bytes[i] << 8 | bytes[i + 1]);
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

}  // namespace

std::optional<int> http_status(std::string_view a) {
  // "HTTP/1.1 200" and what ends the number.
  if (a.size() < 13 || !a.starts_with("HTTP/1.") || (a[7] != '0' && a[7] != '1') || a[8] != ' ') return std::nullopt;
  if (a[12] != ' ' && a[12] != '\r' && a[12] != '\n') return std::nullopt;
  int status = 0;
  for (const char c : a.substr(9, 3)) {
    if (c < '0' || c > '9') return std::nullopt;
    status = status * 10 + (c - '0');
  }
  if (status < 100 || status > 599) return std::nullopt;
  return status;
}

Bytes echo_request(bool v6, std::uint16_t id, std::uint16_t sequence, std::uint64_t payload) {
  Bytes out(kEchoBytes);
  out[0] = v6 ? 128 : 8;
  out[4] = static_cast<std::uint8_t>(id >> 8);
  out[5] = static_cast<std::uint8_t>(id);
  out[6] = static_cast<std::uint8_t>(sequence >> 8);
  out[7] = static_cast<std::uint8_t>(sequence);
  std::memcpy(out.data() + 8, &payload, sizeof payload);
  if (!v6) {
    const auto sum = checksum(out);
    out[2] = static_cast<std::uint8_t>(sum >> 8);
    out[3] = static_cast<std::uint8_t>(sum);
  }
  return out;
}

bool is_echo_reply(ByteView packet, bool v6, bool with_header, std::uint16_t sequence, std::uint64_t payload) {
  if (with_header) {
    if (packet.empty()) return false;
    const std::size_t header = (packet[0] & 15u) * 4u;
    if (header < 20 || packet.size() < header) return false;
    packet = packet.subspan(header);
  }
  if (packet.size() < kEchoBytes || packet[0] != (v6 ? 129 : 0) || packet[1] != 0) return false;
  return (packet[6] << 8 | packet[7]) == sequence && std::memcmp(packet.data() + 8, &payload, sizeof payload) == 0;
}

}  // namespace postern::gateway::health
