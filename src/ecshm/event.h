#pragma once
// The way back: what a worker of the data plane did, told to the gateway.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/hex.h"
#include "base/ip.h"
#include "base/result.h"
#include "base/sha256.h"
#include "ecshm/session_kind.h"
#include "policy/reason.h"
#include "policy/tag_set.h"

namespace postern::ecshm {

enum class EventType : std::uint8_t {
  kAllowed = 1,  ///< A request that was let through has ended.
  kDenied = 2,
  kCut = 3,          ///< A live request was ended because it would no longer be let through.
  kSessionOpen = 4,  ///< A connection of this certificate got its first access.
  kSessionClose = 5,
  kSessionsReset =
      6,  ///< The worker starts over: forget its sessions, all that live are told again.
};

struct Event {
  EventType type = EventType::kAllowed;
  policy::Reason reason = policy::Reason::kNone;
  WallTime time{};
  std::optional<Sha256> leaf;  ///< Only of a certificate that verified.
  std::uint32_t proxy = 0;
  std::uint32_t policy = 0;
  std::uint32_t api_gateway = 0;
  std::uint32_t pool = 0;
  std::uint32_t status = 0;  ///< HTTP.
  IpAddress source;
  std::uint16_t source_port = 0;
  std::string interface;   ///< By which it came in; empty: not known, or nobody had to find out.
  SessionKind kind = SessionKind::kNone;
  std::uint64_t bytes = 0;  ///< Sent to the client.
  std::uint32_t duration_ms = 0;
  std::string id;  ///< Of a denial or cut, such as "K7QM-2D9F".
  std::string method;
  std::string host;
  std::string path;
  std::string detail;   ///< Such as why a certificate did not verify.
  policy::TagSet tags;  ///< Forbidden, missing or unknown ones.
  friend bool operator==(const Event&, const Event&) = default;
};

inline constexpr std::size_t kEventBytes = 640;

/// Longer texts are cut. `out` is kEventBytes long.
void encode_event(const Event& event, std::uint8_t* out);
/// The bytes come from a process that talks to the whole world. Errors: kDataLoss.
Result<Event> decode_event(ByteView bytes);

}  // namespace postern::ecshm
