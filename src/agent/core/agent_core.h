#pragma once
// The agent without sockets, threads and clocks: facts, bytes and ticks in, actions out. It knows whether this machine
// is an endpoint, keeps the telemetry of one that is, renews its certificate, and says what the EMS wants to be
// watched. Thread: one.
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "agent/core/enrolment.h"
#include "proto/destinations.h"
#include "base/random.h"
#include "proto/telemetry_client.h"

namespace postern::agent {

enum class Registration {
  kUnregistered,   ///< Never enrolled, or it left by its own will.
  kRegistered,
  kDeregistered,   ///< The EMS does not want it any more: a new invitation is needed.
};
std::string_view registration_name(Registration registration);  ///< "unregistered", ...

/// What an EMS wants, kept over restarts: the first report of a new run is then as complete as the last of the old one.
struct Wishes {
  std::set<std::string> facts;           ///< Keys that some rule reads (posture/fact_keys.h).
  bool vulnerability_scan = true;
  Seconds inventory_interval{3600};
  std::vector<proto::ZtnaDestination> destinations = {};  ///< To be listened for.
  friend bool operator==(const Wishes&, const Wishes&) = default;

  /// The arguments of all wished facts whose keys begin so: "process.running:" gives names.
  std::set<std::string> arguments(std::string_view prefix) const;
};

namespace act {

struct Connect {};                          ///< Answer with on_connected or on_disconnected.
struct Send { Bytes bytes; };
struct Disconnect { std::string reason; };
struct Store { Enrolment enrolment; };      ///< Make it durable, then call `stored`.
struct Forget { std::string reason; };      ///< Deregistered: destroy key and certificate, keep the reason.
struct WishesChanged {};                    ///< See wishes(): watch these, and keep them.
struct InventoryWanted {};                  ///< Read the packages and call set_inventory.
struct StateChanged {};                     ///< What `status` shows.
/// How `deregister` ended. An error: the EMS could not be told; Forget stood before this only if that was forced.
struct Left {
  Status told;
  bool perhaps = false;  ///< With an error: it was said and not answered. The EMS may have stored it.
};
using Action =
    std::variant<Connect, Send, Disconnect, Store, Forget, WishesChanged, InventoryWanted, StateChanged, Left>;

}  // namespace act

class AgentCore {
 public:
  struct Options {
    std::string agent_version;
    std::string boot_id;
    proto::TelemetryClient::Options telemetry{};
  };
  /// `random` outlives the core.
  AgentCore(Options options, Random& random);

  /// Takes up what was stored: with an enrolment it asks for a connection. `reason` is why it was deregistered, if it
  /// was.
  void start(Now now, std::optional<Enrolment> enrolment, std::string reason, Wishes wishes);
  /// A new enrolment that is already durable. REQUIRES: !registered().
  void enrolled(Now now, Enrolment enrolment);
  /// How long the EMS is tried to be told that this endpoint leaves.
  static constexpr Seconds kLeavePatience{10};
  /// Leaves the EMS: once that has stored it, Disconnect, Forget and Left follow. If it can't be told within
  /// kLeavePatience only Left does, and all is as before (unless the EMS has heard it: then it ends the registration as soon
  /// as it says so); with `force` this machine forgets its enrolment all the same.
  /// REQUIRES: registered() && !leaving().
  void deregister(Now now, bool force);
  bool leaving() const { return leave_until_ != MonoTime::max(); }
  /// The answer to act::Store.
  void stored(Now now, const Status& status);

  void on_connected(Now now);
  void on_frame(Now now, ByteView bytes);
  void on_disconnected(Now now, std::string reason);
  void on_tick(Now now);
  MonoTime next_deadline() const;

  /// All that a family of collectors says; what it said before and does not say now is gone.
  void set_family(const std::string& family, const posture::FactMap& facts);
  /// The answers to wishes(); of what nobody wishes to know nothing is kept.
  void set_process(Now now, const std::string& name, bool running);
  /// `why` it is unknown, in words; empty where it is known.
  void set_file(Now now, const std::string& path, posture::FactValue value, std::string_view why = {});
  /// Answers to other wishes; those that nobody wishes are left out, and what was wished and is not among them stays.
  void set_answers(const posture::FactMap& facts);
  void set_inventory(std::string text, WallTime collected_at);
  /// Sends what changed. Call once per turn.
  void flush(Now now);

  std::vector<act::Action> take_actions() { return std::exchange(actions_, {}); }

  Registration registration() const { return registration_; }
  bool registered() const { return registration_ == Registration::kRegistered; }
  const std::optional<Enrolment>& enrolment() const { return enrolment_; }
  const std::string& deregistered_because() const { return reason_; }
  const Wishes& wishes() const { return wishes_; }
  bool connected() const { return client_ && client_->connected(); }
  std::optional<WallTime> connected_since() const { return connected_since_; }
  const std::vector<proto::agent::Tag>& tags() const;
  const proto::agent::Profile& profile() const;
  std::optional<bool> quarantined() const { return client_ ? client_->quarantined() : std::nullopt; }
  /// Why there is no connection, or what last went wrong; empty: nothing did.
  std::string last_error() const;
  const posture::FactMap& facts() const { return facts_; }
  const proto::TelemetryClient* telemetry() const { return client_.get(); }

 private:
  void begin(Now now);
  void end(Registration registration, std::string reason);
  void put(const std::string& key);
  void drop(const std::string& key);
  void pump(Now now);
  void take_probes();
  bool in_record(const std::string& key) const;  ///< Reported whether it is wished or not.
  void take_profile();
  void renewal_failed(Now now, std::string why);
  void plan_renewal(Now now);
  void leave_untold(Now now);

  Options options_;
  Random& random_;
  Registration registration_ = Registration::kUnregistered;
  std::optional<Enrolment> enrolment_;
  std::string reason_;
  Wishes wishes_;
  std::unique_ptr<proto::TelemetryClient> client_;
  posture::FactMap facts_;  // as collected; what the profile forbids is taken out on the way
  std::map<std::string, std::set<std::string>> families_;  // the keys of each
  std::optional<WallTime> connected_since_;

  bool renewing_ = false;                // asked for
  std::optional<Enrolment> storing_;     // with the new certificate, until it is durable
  MonoTime renew_at_ = MonoTime::max();  // when to look whether to renew
  Seconds renew_pause_{0};               // after a failure
  std::string renew_error_;
  MonoTime leave_until_ = MonoTime::max();  // when it is given up to tell the EMS that this endpoint leaves
  bool leave_forced_ = false;
  std::vector<act::Action> actions_;
};

}  // namespace postern::agent
