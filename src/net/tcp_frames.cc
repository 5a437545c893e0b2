#include "net/detail/tcp_frames.h"

#include <algorithm>
#include <cstring>

namespace postern::net::tcp_frames {
namespace {

constexpr std::uint8_t kContinuation = 0, kText = 1, kBinary = 2, kCloseFrame = 8, kPingFrame = 9, kPongFrame = 10;
constexpr std::uint8_t kFin = 0x80, kReserved = 0x70, kMaskBit = 0x80;

std::string small_frame(std::uint8_t opcode, std::string payload, const std::uint8_t* key) {
  std::string out;
  out += static_cast<char>(kFin | opcode);
  out += static_cast<char>(payload.size() | (key != nullptr ? kMaskBit : 0));
  if (key != nullptr) {
    out.append(reinterpret_cast<const char*>(key), 4);
    mask({reinterpret_cast<std::uint8_t*>(payload.data()), payload.size()}, key);
  }
  return out + payload;
}

/// That a close frame may hold, see RFC 6455 §7.4.
bool sendable(std::uint16_t code) {
  return (code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006) || (code >= 3000 && code <= 4999);
}

}  // namespace

void mask(std::span<std::uint8_t> bytes, const std::uint8_t* key, std::size_t at) {
  std::uint8_t turned[8];
  for (std::size_t i = 0; i < 8; ++i) turned[i] = key[(at + i) % 4];
  std::uint64_t wide;
  std::memcpy(&wide, turned, 8);
  std::size_t i = 0;
  for (; i + 8 <= bytes.size(); i += 8) {
    std::uint64_t word;
    std::memcpy(&word, bytes.data() + i, 8);
    word ^= wide;
    std::memcpy(bytes.data() + i, &word, 8);
  }
  for (; i < bytes.size(); ++i) bytes[i] ^= turned[i % 8];
}

Piece Reader::refuse(Code code, std::string_view why) {
  over_ = true;
  return {Kind::kRefuse, {}, static_cast<std::uint16_t>(code), why};
}

/// False: more of it has to come.
bool Reader::take_head(std::span<std::uint8_t>& input) {
  for (;;) {
    std::size_t needed = 2;
    if (head_size_ >= 2) {
      const auto length = head_[1] & 0x7f;
      needed += (length == 126 ? 2u : length == 127 ? 8u : 0u) + ((head_[1] & kMaskBit) != 0 ? 4u : 0u);
      if (head_size_ == needed) return true;
    }
    const auto n = std::min(needed - head_size_, input.size());
    if (n == 0) return false;
    std::memcpy(head_ + head_size_, input.data(), n);
    head_size_ += n;
    input = input.subspan(n);
  }
}

/// A frame whose head is there. kMore: go on with its payload.
Piece Reader::begin() {
  const bool fin = (head_[0] & kFin) != 0;
  opcode_ = head_[0] & 0x0f;
  if ((head_[0] & kReserved) != 0) return refuse(Code::kBroken, "a reserved bit is set");
  if (((head_[1] & kMaskBit) != 0) != masked_)
    return refuse(Code::kBroken, masked_ ? "a client's frames must be masked" : "a server's frames must not be masked");
  const std::size_t length = head_[1] & 0x7f;
  const std::size_t wide = length == 126 ? 2 : length == 127 ? 8 : 0;
  left_ = wide == 0 ? length : 0;
  for (std::size_t i = 0; i < wide; ++i) left_ = left_ << 8 | head_[2 + i];
  if ((wide == 2 && left_ < 126) || (wide == 8 && left_ < 65536))
    return refuse(Code::kBroken, "a length is not in its shortest form");
  if (masked_) std::memcpy(key_, head_ + 2 + wide, 4);
  key_at_ = 0;
  head_size_ = 0;
  in_frame_ = true;
  if (opcode_ >= kCloseFrame) {
    if (opcode_ > kPongFrame) return refuse(Code::kBroken, "a frame of an unknown kind");
    if (!fin || left_ > sizeof payload_) return refuse(Code::kBroken, "a control frame is in parts or too long");
    payload_size_ = 0;
    return {};
  }
  if (opcode_ == kText) return refuse(Code::kNotBinary, "only binary messages are spoken here");
  if (opcode_ > kBinary) return refuse(Code::kBroken, "a frame of an unknown kind");
  if ((opcode_ == kContinuation) != in_message_)
    return refuse(Code::kBroken, in_message_ ? "a message begins inside another" : "a message goes on that never began");
  if (left_ > kMaxFrame) return refuse(Code::kTooBig, "a frame may have 1 MiB");
  const bool end = opcode_ == kBinary && fin && left_ == 0;
  in_message_ = !fin;
  if (left_ == 0) in_frame_ = false;
  return end ? Piece{Kind::kEnd} : Piece{};
}

Piece Reader::control() {
  in_frame_ = false;
  const std::span<std::uint8_t> payload(payload_, payload_size_);
  mask(payload, key_);
  if (opcode_ != kCloseFrame) return {opcode_ == kPingFrame ? Kind::kPing : Kind::kPong, payload};
  if (payload.empty()) {
    over_ = true;
    return {Kind::kClose, {}, 1005};
  }
  if (payload.size() == 1) return refuse(Code::kBroken, "a close frame has half a code");
  const auto code = static_cast<std::uint16_t>(payload[0] << 8 | payload[1]);
  if (!sendable(code)) return refuse(Code::kBroken, "a close frame has a code that nobody may send");
  over_ = true;
  return {Kind::kClose, {}, code, {reinterpret_cast<const char*>(payload.data()) + 2, payload.size() - 2}};
}

Piece Reader::next(std::span<std::uint8_t>& input) {
  while (!over_) {
    if (!in_frame_) {
      if (!take_head(input)) return {};
      if (const auto piece = begin(); piece.kind != Kind::kMore) return piece;
      if (!in_frame_) continue;
    }
    if (opcode_ >= kCloseFrame) {
      const auto n = std::min<std::size_t>(static_cast<std::size_t>(left_), input.size());
      if (n > 0) std::memcpy(payload_ + payload_size_, input.data(), n);
      payload_size_ += n;
      left_ -= n;
      input = input.subspan(n);
      if (left_ > 0) return {};
      return control();
    }
    if (input.empty()) return {};
    const auto bytes = input.first(static_cast<std::size_t>(std::min<std::uint64_t>(left_, input.size())));
    if (masked_) mask(bytes, key_, key_at_);
    key_at_ = (key_at_ + bytes.size()) % 4;
    left_ -= bytes.size();
    input = input.subspan(bytes.size());
    if (left_ == 0) in_frame_ = false;
    return {Kind::kData, bytes};
  }
  input = {};
  return {};
}

std::size_t put_head(std::uint8_t* end, std::uint64_t size, const std::uint8_t* key) {
  const std::size_t wide = size < 126 ? 0 : size < 65536 ? 2 : 8;
  const std::size_t length = 2 + wide + (key != nullptr ? 4 : 0);
  auto* out = end - length;
  out[0] = kFin | kBinary;
  out[1] = static_cast<std::uint8_t>((wide == 0 ? size : wide == 2 ? 126u : 127u) | (key != nullptr ? kMaskBit : 0u));
  for (std::size_t i = 0; i < wide; ++i) out[2 + i] = static_cast<std::uint8_t>(size >> 8 * (wide - 1 - i));
  if (key != nullptr) std::memcpy(out + 2 + wide, key, 4);
  return length;
}

std::string end_frame(const std::uint8_t* key) { return small_frame(kBinary, {}, key); }
std::string ping_frame(const std::uint8_t* key) { return small_frame(kPingFrame, {}, key); }
std::string pong_frame(std::span<const std::uint8_t> payload, const std::uint8_t* key) {
  return small_frame(kPongFrame, std::string(payload.begin(), payload.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(payload.size(), 125))), key);
}
std::string close_frame(std::uint16_t code, std::string_view text, const std::uint8_t* key) {
  std::string payload;
  payload += static_cast<char>(code >> 8);
  payload += static_cast<char>(code & 0xff);
  payload += text.substr(0, 123);
  return small_frame(kCloseFrame, std::move(payload), key);
}

}  // namespace postern::net::tcp_frames
