#pragma once
// The frames of TCP forwarding (docs/protocol/tcp-forwarding.md): WebSocket's (RFC 6455), read piece by piece as they come,
// so that a stream of any length needs no more room than its reader gives it. No sockets.
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace postern::net::tcp_frames {

inline constexpr std::string_view kSubprotocol = "postern-tcp";
/// Longest head of a frame.
inline constexpr std::size_t kMaxHead = 14;
/// A longer frame is refused with kTooBig.
inline constexpr std::uint64_t kMaxFrame = 1u << 20;

/// Why a tunnel ends. Below 4000: RFC 6455.
enum class Code : std::uint16_t {
  kDone = 1000,       ///< Both directions have ended.
  kGoingAway = 1001,  ///< The forwarder stops.
  kBroken = 1002,     ///< Not these frames.
  kNotBinary = 1003,
  kTooBig = 1009,
  kReset = 4001,      ///< The TCP connection at the sender's end was reset, or failed.
};

enum class Kind : std::uint8_t {
  kMore,    ///< Everything that was given is used up.
  kData,    ///< Bytes of the stream.
  kEnd,     ///< The sender's direction has ended: an empty message.
  kPing,    ///< To be answered by a pong with this payload.
  kPong,
  kClose,   ///< Nothing follows.
  kRefuse,  ///< The peer broke the rules; nothing more is read. `code` and `text` are to be told to it.
};

struct Piece {
  Kind kind = Kind::kMore;
  std::span<std::uint8_t> bytes = {};  ///< kData, kPing, kPong: unmasked, in the caller's buffer or the reader's.
  std::uint16_t code = 0;              ///< kClose (1005: none was sent), kRefuse.
  std::string_view text = {};          ///< kClose, kRefuse: a reason; of kClose as sent, up to 123 bytes of anything.
};

/// Thread: one.
class Reader {
 public:
  /// `masked`: frames come from a client and must be masked; else they must not be.
  explicit Reader(bool masked) : masked_(masked) {}
  /// Takes what it can from the front of `input` and unmasks it there. To be called until kMore, kClose or kRefuse.
  Piece next(std::span<std::uint8_t>& input);

 private:
  Piece refuse(Code code, std::string_view why);
  bool take_head(std::span<std::uint8_t>& input);
  Piece begin();
  Piece control();

  bool masked_;
  bool over_ = false;
  std::uint8_t head_[kMaxHead] = {};
  std::size_t head_size_ = 0;
  bool in_frame_ = false;    // its head has been read
  bool in_message_ = false;  // a binary message goes on in the next frame
  std::uint8_t opcode_ = 0;
  std::uint8_t key_[4] = {};
  std::size_t key_at_ = 0;
  std::uint64_t left_ = 0;   // of the frame
  std::uint8_t payload_[125] = {};  // of a control frame
  std::size_t payload_size_ = 0;
};

/// The head of a whole binary message of `size` bytes, put right before the place `end`, at most kMaxHead bytes; returns
/// its length. `key`: as a client, the payload's mask (see `mask`); nullptr: as a server.
std::size_t put_head(std::uint8_t* end, std::uint64_t size, const std::uint8_t* key);
/// Masks or unmasks: the byte at `i` with that of `key` at (i + at) % 4.
void mask(std::span<std::uint8_t> bytes, const std::uint8_t* key, std::size_t at = 0);

/// Small whole frames. `key` as above.
std::string end_frame(const std::uint8_t* key);
std::string ping_frame(const std::uint8_t* key);
std::string pong_frame(std::span<const std::uint8_t> payload, const std::uint8_t* key);  ///< Up to 125 bytes.
std::string close_frame(std::uint16_t code, std::string_view text, const std::uint8_t* key);  ///< Longer texts are cut.

}  // namespace postern::net::tcp_frames
