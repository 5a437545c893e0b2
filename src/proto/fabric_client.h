#pragma once
// The gateway's end of one fabric connection, without sockets and clocks: bytes and ticks in, actions out.
//
// It holds the view (endpoints and tags this gateway is entitled to) across connections and resumes it by epoch,
// revision and digest. What arrives is applied whole or not at all: a delta that doesn't fit, a count or digest that
// differs, or a malformed entry leaves the view as it was and asks for a snapshot; a snapshot replaces the view only
// when it is complete and proven. Thread: one.
#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/hex.h"
#include "base/ids.h"
#include "base/random.h"
#include "base/result.h"
#include "proto/change_times.h"
#include "proto/view.h"

namespace postern::wire {
class Delta;
class FabricFrame;
class FabricStatus;
class SnapshotBegin;
class SnapshotChunk;
class SnapshotEnd;
}  // namespace postern::wire

namespace postern::proto {

/// What the gateway says of itself in the first frame.
struct FabricIdentity {
  GatewaySerial serial;
  std::string host_name;
  std::string version;
  std::string management_url;
};

/// A gateway's own interface, so that the EMS knows who sits behind whom.
struct FabricInterface {
  std::string name;
  Bytes mac;  ///< 6 bytes.
  struct Address {
    Bytes ip;  ///< 4 or 16 bytes.
    std::uint32_t prefix = 0;
    friend bool operator==(const Address&, const Address&) = default;
  };
  std::vector<Address> addresses;
  friend bool operator==(const FabricInterface&, const FabricInterface&) = default;
};

/// What the EMS said of itself and of us.
struct FabricStatusInfo {
  enum class State { kNone, kPending, kAuthorised, kRefused, kConflict };
  State state = State::kNone;
  EmsSerial ems_serial;
  TenantId tenant;
  std::string ems_version;
  std::string authorise_path;
  std::vector<std::string> capabilities;
  Bytes ztna_ca_der;
  std::vector<Bytes> ztna_ca_chain_der;
  Bytes root_key_sha256;
  friend bool operator==(const FabricStatusInfo&, const FabricStatusInfo&) = default;
};

/// What the gateway's access proxies did, for the EMS's administrators. Totals since `since`.
struct FabricUsage {
  std::uint64_t live_sessions = 0;
  std::uint64_t allowed = 0, denied = 0, cut = 0;
  std::uint64_t uncounted = 0;  ///< Decisions that found no room on their way here.
  WallTime since{};
  friend bool operator==(const FabricUsage&, const FabricUsage&) = default;
};

namespace fabric {

struct Connect {};                        ///< Open the channel; answer with on_connected or on_disconnected.
struct Send { Bytes bytes; };             ///< One frame.
struct Disconnect { std::string reason; };
/// Reason of a Goodbye after which nothing that the EMS said counts: an administrator removed this gateway.
inline constexpr std::string_view kRemoved = "removed";

struct StatusChanged {};                  ///< See status().
/// The view changed; the lists name what to look at again in view(). After a snapshot they are the difference.
struct ViewChanged {
  std::vector<EndpointUid> upserted;
  std::vector<EndpointUid> removed;
  bool tags = false;
  bool snapshot = false;
  ChangeTimes times = {};        ///< As the EMS tells them; of a delta alone.
};
struct Answer {
  enum class State { kUnknown, kFound, kRevoked, kBusy };
  std::uint64_t request_id = 0;
  State state = State::kUnknown;
  EndpointUid uid;
};
/// A tag that would become something else for these.
struct TagWhatIf {
  std::string tag;
  std::string kind;              ///< "security", "classification", "fabric".
  std::vector<EndpointUid> gain, lose, become_unknown;
  bool gone = false;             ///< The EMS would not tell it any more: it is unknown of everybody.
  bool ignore_unknown = false;   ///< Afterwards: on_unknown is "ignore".
};
/// Which live sessions would be cut by all of these together? `answer_what_if` answers.
struct WhatIf {
  std::uint64_t request_id = 0;
  std::vector<TagWhatIf> tags;
};
struct SessionsCut {
  EndpointUid uid;
  std::uint32_t sessions = 0;
};
using Action = std::variant<Connect, Send, Disconnect, StatusChanged, ViewChanged, Answer, WhatIf>;

}  // namespace fabric

class FabricClient {
 public:
  struct Options {
    std::chrono::milliseconds backoff_min{250};
    std::chrono::milliseconds backoff_max{30'000};
    std::chrono::milliseconds ping_interval{5'000};
    /// Without any frame for this long the connection counts as dead. Not below two ping intervals.
    std::chrono::milliseconds silence_limit{12'000};
    std::chrono::milliseconds usage_least{1'000};
    std::chrono::milliseconds usage_interval{10'000};
    std::size_t max_endpoints = 2'000'000;
    std::size_t max_chunk_inflated = 64u << 20;
  };

  /// `random` outlives the client.
  FabricClient(FabricIdentity identity, Random& random, Options options);
  FabricClient(FabricIdentity identity, Random& random) : FabricClient(std::move(identity), random, Options{}) {}

  /// Wanted: connects now, and again after failures. Not wanted: disconnects; the view stays until `forget`.
  void enable(Now now);
  void disable();
  /// Drops the view, where it stood, and what the EMS said of itself: the next subscription starts from nothing. The
  /// view is also dropped when the EMS says that this gateway is not authorised (any more), or was removed: that is no
  /// outage.
  void forget();
  /// Takes up a view kept across a restart. Before `enable`.
  void restore(std::uint64_t epoch, std::uint64_t revision, View view);

  void on_connected(Now now);
  void on_frame(Now now, ByteView bytes);
  void on_disconnected(Now now, std::string reason);
  void on_tick(Now now);

  void set_interfaces(std::vector<FabricInterface> interfaces);
  void answer_what_if(std::uint64_t request_id, const std::vector<fabric::SessionsCut>& cuts);
  /// Asks whose certificate this is; `fabric::Answer` follows, or nothing if the connection ends first. Returns 0 and
  /// asks nothing while the channel is not authorised.
  std::uint64_t ask_certificate(const Sha256& leaf);
  /// The same question of somebody who only wants to know: the endpoint does not come into the view.
  std::uint64_t inquire_certificate(const Sha256& leaf);
  /// Tells the EMS our interfaces and asks for a snapshot; until it is there the view stays. `last_contact` is this
  /// moment or later once the EMS has answered. Nothing happens before it has authorised us, nor while a snapshot is on
  /// its way. While a certificate is asked for, the EMS is only pinged: that it answers shows the same.
  void refresh(Now now);
  /// Endpoints met by certificate are asked for again after a reconnect until released.
  void release(const EndpointUid& uid);
  void keep_asked(const EndpointUid& uid) { asked_.insert(uid); }
  /// Asks now, not only after the interval, whether the EMS still answers: what it sent before comes before the answer.
  void ping(Now now);
  /// Told to an EMS that has authorised us, with a tick: when it became another (at most each usage_least), and each
  /// usage_interval.
  void set_usage(const FabricUsage& usage) { usage_ = usage; }

  /// Everything to do since the last call, in order.
  std::vector<fabric::Action> take_actions();

  const View& view() const { return view_; }
  const FabricStatusInfo& status() const { return status_; }
  bool connected() const { return phase_ == Phase::kOpen; }
  /// Authorised, and the view is what the EMS had at the last frame.
  bool synchronised() const { return connected() && subscribed_ && !unconfirmed_ && !staging_; }
  /// When the EMS was last asked something that it has answered, while the view was synchronised: what the view says
  /// was true then or later. Outage deadlines count from it, not from when the answer came: a stream that is held back
  /// on its way, or a process that stood still, must not make old news young.
  const std::optional<Now>& last_contact() const { return last_contact_; }
  std::uint64_t epoch() const { return epoch_; }
  std::uint64_t revision() const { return revision_; }
  const std::set<EndpointUid>& asked() const { return asked_; }
  const std::string& last_error() const { return last_error_; }
  /// Snapshots, deltas and disagreements since the start, for metrics and tests.
  struct Counters {
    std::uint64_t snapshots = 0, deltas = 0, resumes_refused = 0, mismatches = 0, reconnects = 0;
  };
  const Counters& counters() const { return counters_; }

 private:
  void drop_view();
  enum class Phase { kOff, kWaiting, kConnecting, kOpen };

  void send(const wire::FabricFrame& frame);
  std::uint64_t ask(const Sha256& leaf, bool only_tell);
  void subscribe(Now now);
  void confirmed(Now asked);
  void send_interfaces();
  void report_usage(Now now);
  void ask_snapshot(Now now, std::string why);
  void subscribe_anew(Now now);
  void drop(Now now, std::string why);
  void schedule_reconnect(Now now, std::chrono::milliseconds at_least);
  void handle(Now now, const wire::FabricFrame& frame);
  void on_status(Now now, const wire::FabricStatus& status);
  Status begin_snapshot(const wire::SnapshotBegin& begin);
  Status add_chunk(const wire::SnapshotChunk& chunk);
  Status end_snapshot(const wire::SnapshotEnd& end);
  Status apply(const wire::Delta& delta);

  FabricIdentity identity_;
  Random& random_;
  Options options_;

  Phase phase_ = Phase::kOff;
  std::chrono::milliseconds backoff_{};
  MonoTime reconnect_at_{};
  MonoTime last_frame_{};
  MonoTime next_ping_{};
  std::uint64_t ping_id_ = 0;
  std::deque<std::pair<std::uint64_t, Now>> pings_;  // on this connection, not answered yet
  Now subscribed_at_;                                // when it was last asked for the view

  FabricStatusInfo status_;
  bool subscribed_ = false;       // on this connection
  bool unconfirmed_ = false;        // the EMS has not yet answered the subscription
  bool awaiting_snapshot_ = false;  // a resume is no longer possible: deltas do not count until a snapshot has come
  std::optional<Now> last_contact_;
  View view_;
  std::uint64_t epoch_ = 0;
  std::uint64_t revision_ = 0;
  // A snapshot on its way in: replaces view_ when complete.
  bool staging_ = false;
  View staged_;
  std::uint64_t staged_epoch_ = 0;
  std::uint64_t staged_revision_ = 0;
  std::uint32_t staged_count_ = 0;

  std::vector<FabricInterface> interfaces_;
  std::optional<FabricUsage> usage_;       // as it is
  std::optional<FabricUsage> told_usage_;  // since it subscribed
  MonoTime told_usage_at_{};
  std::set<EndpointUid> asked_;
  std::uint64_t next_request_ = 1;
  std::set<std::uint64_t> asking_;     // requests of this connection that are not answered yet
  std::set<std::uint64_t> inquiring_;  // likewise, of inquire_certificate
  std::string last_error_;
  Counters counters_;
  std::vector<fabric::Action> actions_;
};

}  // namespace postern::proto
