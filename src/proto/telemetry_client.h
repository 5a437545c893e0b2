#pragma once
// The agent's end of telemetry, without sockets and clocks: facts and ticks in, actions out. Facts are state, not a
// log: however long the EMS is away, memory holds each fact once, and what changed meanwhile goes out in one report.
// Thread: one.
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/hex.h"
#include "base/ids.h"
#include "base/random.h"
#include "base/sha256.h"
#include "posture/fact.h"
#include "proto/destinations.h"

namespace postern::wire {
class TelemetryFrame;
}

namespace postern::proto {

namespace agent {

struct Tag {
  std::string name;
  std::string message;   ///< For the user.
  bool unknown = false;
  friend bool operator==(const Tag&, const Tag&) = default;
};
struct Profile {
  std::string name;
  bool show_tags = false;
  bool vulnerability_scan = true;
  Seconds inventory_interval{3600};
  std::vector<ZtnaDestination> destinations = {};
  friend bool operator==(const Profile&, const Profile&) = default;
};

struct Connect {};                              ///< Answer with on_connected or on_disconnected.
struct Send { Bytes bytes; };
struct Disconnect { std::string reason; };
struct StateChanged {};                         ///< Connection, tags or profile: see the accessors.
struct ProbesChanged {};                        ///< See probes().
struct Renewed { std::vector<Bytes> chain_der; };  ///< Leaf first; for the request given to `renew`.
struct RenewalRefused { std::string message; };
struct Deregistered { std::string message; };   ///< The EMS no longer knows this endpoint: it does not connect again.
using Action =
    std::variant<Connect, Send, Disconnect, StateChanged, ProbesChanged, Renewed, RenewalRefused, Deregistered>;

}  // namespace agent

class TelemetryClient {
 public:
  struct Options {
    std::chrono::milliseconds backoff_min{250};
    std::chrono::milliseconds backoff_max{60'000};
    Seconds default_keepalive{60};
  };
  struct Identity {
    EndpointUid uid;
    std::string agent_version;
    std::string boot_id;
  };

  /// `random` outlives the client.
  TelemetryClient(Identity identity, Random& random, Options options);
  TelemetryClient(Identity identity, Random& random) : TelemetryClient(std::move(identity), random, Options{}) {}

  /// Wants a connection from now on: asks for one at once. No effect when it wants one already or was deregistered.
  void enable(Now now);
  /// Wants none: drops the one there is. Facts stay, and what was not acknowledged goes out after the next `enable`.
  void disable();

  void on_connected(Now now);
  /// Anything that no frame of the EMS can be ends the connection.
  void on_frame(Now now, ByteView bytes);
  /// The connection ended, or could not be made; `reason` is for people.
  void on_disconnected(Now now, std::string reason);
  /// At `next_deadline()` or whenever convenient.
  void on_tick(Now now);
  /// When `on_tick` has something to do; MonoTime::max(): never, unless something else happens.
  MonoTime next_deadline() const;

  /// Takes effect with the next `flush`; a fact equal in value to what is held is no change. A value beyond the bounds
  /// of fact_codec.h is kept as unknown, failed: no peer would take it.
  void set_fact(const std::string& key, posture::Fact fact);
  void remove_fact(const std::string& key);
  /// Sends what changed, in one report. Call once per turn.
  void flush(Now now);
  /// The package inventory, by its canonical text. Offered by hash; the text goes out when the EMS asks for it.
  void set_inventory(std::string text, WallTime collected_at);
  /// Offers none any more: the profile's scan was switched off.
  void clear_inventory();
  /// Asks for a new certificate with this signing request; Renewed or RenewalRefused answers. Ignored when not
  /// connected.
  void renew(Bytes csr_der);
  /// Leaves the EMS: it is told at once, or as soon as there is a connection (which is tried for at once), and nothing
  /// else is said any more. Deregistered follows when the EMS has stored that. REQUIRES: enabled.
  void leave(Now now);
  /// It is said no more; an EMS that heard it may still carry it out.
  void stay() { leaving_ = said_leaving_ = false; }
  /// It was said since `leave`: whether the EMS has heard it is not known until it answers.
  bool said_leaving() const { return said_leaving_; }

  std::vector<agent::Action> take_actions();

  bool connected() const { return welcomed_; }
  const posture::FactMap& facts() const { return facts_; }
  const std::vector<agent::Tag>& tags() const { return tags_; }
  const agent::Profile& profile() const { return profile_; }
  /// As the EMS last said; none: it has not said anything since the start.
  std::optional<bool> quarantined() const { return quarantined_; }
  /// Keys of facts to report beside the endpoint record.
  const std::vector<std::string>& probes() const { return probes_; }
  const EmsSerial& ems_serial() const { return ems_serial_; }
  const std::string& last_error() const { return last_error_; }
  bool deregistered() const { return deregistered_; }
  /// Everything that was flushed has been acknowledged as durable.
  bool settled() const {
    return welcomed_ && changed_.empty() && removed_.empty() && unacked_.empty() && !full_wanted_;
  }
  std::uint64_t last_acked() const { return acked_seq_; }

 private:
  enum class Phase { kOff, kWaiting, kConnecting, kOpen };

  void send(const wire::TelemetryFrame& frame);
  MonoTime silent_at() const;
  void requeue();
  void schedule_reconnect(Now now, std::chrono::milliseconds at_least);
  void drop(Now now, std::string why);
  void offer_inventory();
  void keep_alive(Now now);
  void say_leaving();
  void handle(Now now, const wire::TelemetryFrame& frame);

  Identity identity_;
  Random& random_;
  Options options_;
  Phase phase_ = Phase::kOff;
  bool welcomed_ = false;
  bool deregistered_ = false;
  bool leaving_ = false;
  bool said_leaving_ = false;
  std::chrono::milliseconds backoff_;
  MonoTime reconnect_at_{};
  MonoTime last_frame_{};
  MonoTime next_keepalive_{};
  Seconds keepalive_;
  std::uint64_t run_id_ = 0;
  std::uint64_t seq_ = 0;
  std::uint64_t acked_seq_ = 0;
  std::uint64_t keepalive_seq_ = 0;

  posture::FactMap facts_;
  std::set<std::string> changed_;   // since the last report
  std::set<std::string> removed_;
  bool full_wanted_ = true;
  // Keys of reports that were sent and not acknowledged: they go out again after a reconnect.
  std::map<std::uint64_t, std::set<std::string>> unacked_;

  std::string inventory_;
  Sha256 inventory_hash_{};
  WallTime inventory_at_{};

  EmsSerial ems_serial_;
  std::vector<agent::Tag> tags_;
  std::optional<bool> quarantined_;
  agent::Profile profile_;
  std::vector<std::string> probes_;
  std::uint64_t probes_version_ = 0;
  std::string last_error_;
  std::vector<agent::Action> actions_;
};

}  // namespace postern::proto
