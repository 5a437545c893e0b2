#pragma once
// The way back: what a worker of the data plane did, told to the gateway.
#include <cstdint>
#include <optional>
#include <span>
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

/// `Text`: std::string of one that is kept, std::string_view of one on its way.
template <class Text>
struct BasicEvent {
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
  SessionKind kind = SessionKind::kNone;
  std::uint32_t duration_ms = 0;
  std::uint64_t bytes = 0;  ///< Sent to the client.
  policy::TagSet tags;      ///< Forbidden, missing or unknown ones.
  Text interface;           ///< By which it came in; empty: not known, or nobody had to find out.
  Text id;                  ///< Of a denial or cut, such as "K7QM-2D9F".
  Text method;
  Text host;
  Text path;
  Text detail;  ///< Such as why a certificate did not verify.

  BasicEvent() = default;
  template <class Other>
  BasicEvent(const BasicEvent<Other>& o)  // NOLINT(google-explicit-constructor): the same, kept or seen.
      : type(o.type), reason(o.reason), time(o.time), leaf(o.leaf), proxy(o.proxy), policy(o.policy),
        api_gateway(o.api_gateway), pool(o.pool), status(o.status), source(o.source), source_port(o.source_port),
        kind(o.kind), duration_ms(o.duration_ms), bytes(o.bytes), tags(o.tags), interface(o.interface), id(o.id),
        method(o.method), host(o.host), path(o.path), detail(o.detail) {}
  friend bool operator==(const BasicEvent&, const BasicEvent&) = default;
};
using Event = BasicEvent<std::string>;
/// Its texts are somebody else's, and live as long as who hands it over says.
using EventView = BasicEvent<std::string_view>;

/// No event takes more bytes; one of a usual request some 130. Always a multiple of eight.
inline constexpr std::size_t kMaxEventBytes = 768;

/// Longer texts are cut. `out` has room for kMaxEventBytes. Returns how many it took.
std::size_t encode_event(const EventView& event, std::uint8_t* out);
/// The bytes come from a process that talks to the whole world: control characters, and what is not ASCII, become '?' in
/// place (but the end of a line in `detail`). The event's texts are views of `bytes`. Errors: kDataLoss.
Result<EventView> decode_event(std::span<std::uint8_t> bytes);

}  // namespace postern::ecshm
