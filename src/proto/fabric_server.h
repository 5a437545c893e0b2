#pragma once
// The EMS's end of fabric connections, without sockets and clocks: a gateway's bytes in, checked events out; and the
// publisher that keeps a gateway's view in step: snapshot, deltas, resume. Thread: one.
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/hex.h"
#include "base/ids.h"
#include "base/ip.h"
#include "base/result.h"
#include "base/sha256.h"
#include "proto/change_times.h"
#include "proto/view.h"

namespace postern::proto {

namespace fabric_server {

inline constexpr std::size_t kMaxFrame = 8u << 20;
inline constexpr std::size_t kMaxInterfaces = 1024;
inline constexpr std::size_t kMaxAsked = 100'000;    ///< Endpoints one gateway may keep by certificate.

struct Hello {
  GatewaySerial serial;
  std::string host_name;
  std::string version;
  std::string management_url;
};
struct Subscribe {
  std::uint64_t epoch = 0;
  std::uint64_t revision = 0;
  std::optional<Sha256> digest;
  std::vector<EndpointUid> asked;
};
struct Interface {
  std::string name;
  MacAddress mac;                        ///< Not valid when it has none.
  std::vector<std::string> addresses;    ///< "10.0.1.1/24".
};
struct Interfaces { std::vector<Interface> interfaces; };
struct Ask {
  std::uint64_t request_id = 0;
  Sha256 leaf{};
  bool only_tell = false;                ///< The endpoint does not come into its view.
};
struct Release { EndpointUid uid; };
/// What the gateway's access proxies did: totals since `since`, which is of the gateway's clock.
struct Sessions {
  std::uint64_t live = 0;
  std::uint64_t allowed = 0, denied = 0, cut = 0;
  std::uint64_t uncounted = 0;           ///< Decisions of which nobody knows which.
  WallTime since{};
};
/// Live sessions that a considered change of a tag would cut, per endpoint.
struct WhatIfAnswer {
  std::uint64_t request_id = 0;
  std::vector<std::pair<EndpointUid, std::uint32_t>> cuts;
};
struct Ping { std::uint64_t id = 0; };
struct Nothing {};                       ///< Something a newer gateway says, or that asks for nothing.
using Event = std::variant<Hello, Subscribe, Interfaces, Ask, Release, Sessions, WhatIfAnswer, Ping, Nothing>;

/// Checks one frame. An error means that the gateway broke the protocol: answer `goodbye("protocol_error", …)`, close.
Result<Event> read_frame(ByteView bytes);

enum class State { kPending, kAuthorised, kRefused, kConflict };
struct StatusInfo {
  State state = State::kPending;
  EmsSerial ems_serial;
  TenantId tenant;
  std::string version;
  std::string authorise_path;
  Bytes ztna_ca_der;                     ///< Sent only once authorised.
  std::vector<Bytes> ztna_ca_chain_der;  ///< What signed it, root last.
  Sha256 root_key_sha256{};
};
Bytes status_frame(const StatusInfo& info);
enum class AnswerState { kUnknown, kFound, kRevoked, kBusy };
Bytes answer_frame(std::uint64_t request_id, AnswerState state, const EndpointUid& uid);
inline constexpr std::size_t kMaxWhatIf = 100'000;    ///< Endpoints in one question, of all its tags.
inline constexpr std::size_t kMaxWhatIfTags = 1'000;
struct TagWhatIf {
  std::string tag;
  std::string_view kind;         ///< "security", …
  std::vector<EndpointUid> gain, lose, become_unknown;
  bool gone = false;
  bool ignore_unknown = false;
};
Bytes what_if_frame(std::uint64_t request_id, const std::vector<TagWhatIf>& tags);
Bytes pong_frame(std::uint64_t id, std::uint64_t revision);
Bytes goodbye_frame(std::string_view reason, Millis retry_after, std::string_view message);

}  // namespace fabric_server

/// What one gateway was sent, across its connections: the view, and enough of its history to go on where the gateway
/// stopped. Memory: one view.
class FabricPublisher {
 public:
  /// Chunks of a snapshot are cut so that they deflate from at most this many bytes.
  static constexpr std::size_t kChunk = 256u << 10;
  /// Past this many changes in one update a snapshot costs less than the delta.
  static constexpr std::size_t kMaxDelta = 5'000;
  static constexpr std::size_t kMaxHistory = 4'096;   ///< Deltas remembered.
  static constexpr std::size_t kMaxTouched = 200'000; ///< Endpoints named in them, together.

  explicit FabricPublisher(std::uint64_t epoch) : epoch_(epoch) {}

  /// A view's content to come: none removes.
  using EntryChanges = std::map<EndpointUid, std::optional<std::string>>;
  using TagChanges = std::map<std::uint32_t, std::optional<std::string>>;
  using Times = std::map<EndpointUid, ChangeTimes>;

  /// Brings the view to `revision`. Frames for a gateway that has what was sent last; none when nothing of it changed.
  /// `times`: when the endpoints' changes began, as far as that is known; it travels with a delta.
  std::vector<Bytes> update(std::uint64_t revision, const EntryChanges& entries, const TagChanges& tags,
                            const Times& times = {});
  /// Replaces the whole view (share mode changed, memory was rebuilt): the difference travels.
  std::vector<Bytes> replace(std::uint64_t revision, std::map<EndpointUid, std::string> entries,
                             std::map<std::uint32_t, std::string> tags);
  /// Answers a subscription: a delta from where the gateway stands if that is known exactly, else a snapshot.
  std::vector<Bytes> subscribe(const fabric_server::Subscribe& from);

  const View& view() const { return view_; }
  std::uint64_t revision() const { return revision_; }

 private:
  struct Step {               // one update
    std::uint64_t revision;   // before it
    Sha256 digest;            // before it
    std::vector<EndpointUid> entries;
    std::vector<std::uint32_t> tags;
  };
  std::vector<Bytes> snapshot() const;
  Bytes delta(std::uint64_t from, const std::set<EndpointUid>& entries, const std::set<std::uint32_t>& tags,
              const ChangeTimes& times = {}) const;

  std::uint64_t epoch_;
  std::uint64_t revision_ = 0;
  View view_;
  std::deque<Step> history_;
  std::size_t touched_ = 0;
};

}  // namespace postern::proto
