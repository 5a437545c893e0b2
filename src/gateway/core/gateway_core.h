#pragma once
// The gateway's control plane, without sockets, threads and clocks: what the EMSs say, what the network says and what
// the configuration says go in; slots of ec-shm, resolved addresses, leases and frames come out as actions, to be
// carried out in order. Thread: one.
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "gateway/addresses/asking_again.h"
#include "gateway/addresses/resolver.h"
#include "gateway/core/endpoint_users.h"
#include "gateway/core/session_place.h"
#include "gateway/core/tag_table.h"
#include "gateway/records/record.h"
#include "proto/fabric_client.h"

namespace postern::gateway {

/// How a connector is set up; from `config endpoint-control fctems`.
struct ConnectorSettings {
  ConnectorId id = 0;
  bool enabled = false;
  std::string name;
  std::string server;
  std::uint16_t port = 443;
  Seconds out_of_sync_threshold{180};
  EmsSerial expected_serial;   ///< Empty: whichever EMS answers first is pinned.
  TenantId expected_tenant{};  ///< Likewise.
  friend bool operator==(const ConnectorSettings&, const ConnectorSettings&) = default;
};

/// One row of ec-shm.
struct Slot {
  Sha256 leaf{};
  RecordKey owner;
  WallTime not_after{};
  bool online = false, registered = false, quarantined = false, blocked = false;
  TagBits tags;     ///< Has.
  TagBits unknown;  ///< Can't be told; disjoint from `tags`.
  friend bool operator==(const Slot&, const Slot&) = default;
};

/// A resolved address with the tags of its owner.
struct AddressState {
  IpAddress ip;
  MacAddress mac;
  std::string interface;
  RecordKey owner;
  TagBits tags;
  TagBits known;  ///< Tags of which it is known whether the owner has them.
  friend bool operator==(const AddressState&, const AddressState&) = default;
};

/// What a certificate turned out to be, for a request that waits for the answer.
enum class CertificateVerdict { kFound, kUnknown, kRevoked, kUnavailable };

namespace act {

struct Connect { ConnectorId id; };
struct Send { ConnectorId id; Bytes bytes; };
struct Disconnect { ConnectorId id; std::string reason; };
struct ConnectorChanged { ConnectorId id; };               ///< Its status for people changed.
struct PinEms { ConnectorId id; EmsSerial serial; TenantId tenant; };  ///< First contact: remember who this is.
struct SlotUpsert { Slot slot; };
struct SlotRemove { Sha256 leaf; };
struct ConnectorValid { ConnectorId id; MonoTime until; };
struct Lease { MonoTime until; };                          ///< For ec-shm and for the firewall.
struct AddressUpsert { AddressState state; };
struct AddressRemove { IpAddress ip; };
struct PinNeighbour { NeighbourKey key; MacAddress mac; };  ///< Its entry becomes permanent: nobody else moves it.
struct UnpinNeighbour { NeighbourKey key; };               ///< The pinned entry goes.
struct AskNeighbour { NeighbourKey key; };
struct Answer { Sha256 leaf; CertificateVerdict verdict; };
struct TagsChanged {};                                     ///< Policies have to be compiled again.
/// The view changed: worth keeping across a restart. Stands before what follows from the change. `touched` came, changed or went; `whole`: look at all of it anew.
struct SaveView { ConnectorId id; std::vector<EndpointUid> touched = {}; bool whole = false; };
/// All slots that a delta of an EMS changed stand before this; none when it changed no slot.
struct SlotsChanged { std::vector<Sha256> leaves; proto::ChangeTimes times; Now arrived; };
/// Answer with answer_what_if.
struct WhatIf { ConnectorId id; proto::fabric::WhatIf question; };
struct Alert { std::string event; std::string message; };

using Action = std::variant<Connect, Send, Disconnect, ConnectorChanged, PinEms, SlotUpsert, SlotRemove,
                            ConnectorValid, Lease, AddressUpsert, AddressRemove, PinNeighbour, UnpinNeighbour,
                            AskNeighbour, Answer, TagsChanged, SaveView, SlotsChanged, WhatIf, Alert>;

}  // namespace act

class GatewayCore {
 public:
  /// How long one renewal of the lease lasts, and how often the loop renews it.
  static constexpr Seconds kLease{5};
  static constexpr Seconds kRenewEvery{1};
  /// After a standstill longer than the lease nothing is granted until every EMS has been heard again: what waits in its
  /// connection may take back what this gateway holds. An EMS that can't be reached is waited for this long; then what
  /// is held counts for as long as in any other outage.
  static constexpr Seconds kCatchUp{12};
  /// How certificates not met yet are asked about.
  struct Asking {
    Seconds keep{600};             ///< A record fetched so is kept this long after its last session.
    Seconds negative_cache{5};     ///< What no EMS knows is not asked about again before.
    std::size_t per_second = 500;
  };

  /// `random` outlives the core.
  GatewayCore(proto::FabricIdentity identity, Random& random, proto::FabricClient::Options channel = {});
  ~GatewayCore();

  // Configuration.
  void set_connectors(Now now, const std::vector<ConnectorSettings>& connectors);
  void set_asking(const Asking& asking) { asking_ = asking; }
  void set_policy_tags(const std::set<std::string>& address_names);
  /// See TagTable.
  void set_asked_bits(const TagBits& bits) { tags_.set_asked(bits); }
  /// Users and groups that policies name; before `set_policy_tags`, whose names have theirs, too.
  void set_users(UserRules rules) { users_ = std::move(rules); }
  /// May this connector speak to its EMS (certificate accepted)? Until then it does not connect.
  void set_trusted(Now now, ConnectorId id, bool trusted);
  /// An administrator takes the trust back: nothing that this EMS said counts from now on. (An EMS that is away, or
  /// whose certificate changed, is another matter: then the out-of-sync threshold decides.)
  void forget(Now now, ConnectorId id);
  /// Who answers says anew who it is, also where another EMS than the one known here had stopped the connector. What the
  /// EMSs said before stays.
  void reconnect(Now now, ConnectorId id);
  /// Takes up what was kept across a restart: valid until `valid_until` at most, then denied like any stale connector.
  void restore(ConnectorId id, std::uint64_t epoch, std::uint64_t revision, proto::View view, MonoTime valid_until);

  // The world.
  void on_connected(Now now, ConnectorId id);
  void on_frame(Now now, ConnectorId id, ByteView bytes);
  void on_disconnected(Now now, ConnectorId id, std::string reason);
  void on_tick(Now now);
  /// A very large change is taken up in several turns: to be called in turns of their own, between what else comes, while
  /// `unfinished`. A record counts as before until its own turn has come, and for no longer than its EMS's word of before.
  void go_on(Now now);
  bool unfinished() const { return !waiting_.empty() || resolver_.unfinished(); }
  /// So many records change in one turn. The loop does nothing else meanwhile: with a hundred thousand at once other EMSs' changes
  /// would wait for seconds, and with some more leases would run out.
  static constexpr std::size_t kAtOnce = 4096;
  void set_at_once(std::size_t records);
  void set_interfaces(std::vector<LocalInterface> interfaces);
  /// Addresses of what the gateway depends on: no endpoint can claim them.
  void set_reserved(std::set<IpAddress> addresses);
  void set_neighbour(const NeighbourKey& key, const Neighbour& neighbour);
  void remove_neighbour(const NeighbourKey& key);
  /// See Resolver::adopt.
  void adopt_pin(const Pin& pin);

  // The data plane's way back.
  /// A worker met a certificate that has no slot. An Answer follows, now or later.
  void on_unknown_certificate(Now now, const Sha256& leaf);
  void on_session(Now now, const Sha256& leaf, SessionPlace place, int change);  ///< +n opened, -n closed.
  /// What the access proxies decided since this process began. Reported to every EMS, with the live sessions; nothing
  /// is before the first call.
  struct Decisions {
    std::uint64_t allowed = 0, denied = 0, cut = 0;
    std::uint64_t uncounted = 0;  ///< That found a worker's ring full.
  };
  void set_decisions(Now now, const Decisions& decisions);

  void answer_what_if(Now now, ConnectorId id, std::uint64_t request, const std::vector<proto::fabric::SessionsCut>& cuts);

  // What an administrator wants to know of an EMS, now.
  /// Everything that it has for this gateway, anew. See FabricClient::refresh, which says how to see its answer.
  void refresh(Now now, ConnectorId id);
  /// Whose certificate is this? No record comes of it. The number of the question; 0: this EMS can't be asked.
  std::uint64_t inquire(Now now, ConnectorId id, const Sha256& leaf);
  /// The answer, once there is one; the question ends with it, or with `give_up`.
  std::optional<proto::fabric::Answer> take_answer(ConnectorId id, std::uint64_t question);
  void give_up(ConnectorId id, std::uint64_t question);

  std::vector<act::Action> take_actions();

  // For CLI, API and tests.
  struct Connector {
    ConnectorSettings settings;
    std::unique_ptr<proto::FabricClient> client;
    bool trusted = false;
    /// Another EMS answers at this address: stopped, an administrator decides. Never without `client` knowing which.
    bool mismatched_serial = false;
    bool mismatched_tenant = false;  ///< Likewise: it speaks for another tenant.
    bool other_ems() const { return mismatched_serial || mismatched_tenant; }
    /// Stopped, because the EMS is that of this connector already; 0: it is not. An EMS takes one connection of a gateway:
    /// two would end each other for ever.
    ConnectorId same_as = 0;
    bool stopped() const { return other_ems() || same_as != 0; }
    std::optional<MonoTime> valid_until;      ///< Empty: nothing valid yet.
    bool stale = true;
  };
  const std::map<ConnectorId, Connector>& connectors() const { return connectors_; }
  const std::map<RecordKey, Record>& records() const { return records_; }
  /// Is the record among the matched endpoints: behind an interface of ours, or met by its certificate?
  bool matched(const Record& record) const;
  const TagTable& tags() const { return tags_; }
  const Resolver& resolver() const { return resolver_; }
  const std::map<Sha256, Slot>& slots() const { return slots_; }
  const std::map<IpAddress, AddressState>& addresses() const { return addresses_; }
  std::uint64_t live_sessions() const { return live_sessions_; }
  /// Live ones by their certificate.
  using SessionsByPlace = std::map<SessionPlace, std::int64_t>;
  const std::map<Sha256, SessionsByPlace>& sessions() const { return sessions_; }

 private:
  struct Use {
    std::int64_t sessions = 0;
    MonoTime last{};
  };
  struct Pending {
    std::map<ConnectorId, std::uint64_t> requests;
    MonoTime deadline{};
    bool revoked = false;
  };

  struct WaitingChange {
    ConnectorId connector = 0;
    std::vector<EndpointUid> uids;  // whose entry in the view is to be looked at
    std::size_t next = 0;
    bool of_delta = false;
    proto::ChangeTimes times;
    Now arrived;
    std::size_t left() const { return uids.size() - next; }
  };

  void drain(Now now, Connector& connector);
  /// `whole`: in one turn, however large.
  void on_view_changed(Now now, Connector& connector, const proto::fabric::ViewChanged& change, bool whole = false);
  bool waits_for(ConnectorId id) const;
  void settle(const RecordKey& key);
  void settle_some(WaitingChange& change, std::size_t most);
  void settle_waiting_of(ConnectorId id);
  void sessions_first(WaitingChange& change) const;
  void keep_waiting(WaitingChange change);
  void tell_slots_changed(Now now, std::size_t begin, const proto::ChangeTimes& times);
  void on_answer(Now now, ConnectorId id, const proto::fabric::Answer& answer);
  void finish_ask(Now now, const Sha256& leaf, CertificateVerdict verdict);
  void contact(Now now, Connector& connector);
  /// At the begin of a turn: has this program stood still?
  void notice_standstill(Now now);
  bool caught_up(Now now);
  /// Compares who the EMS says that it is with who it has to be: the first is pinned, another one stops the connector.
  void identify(Connector& connector);
  bool same_ems(const Connector& c, const EmsSerial& serial, const TenantId& tenant) const;
  /// The connector that has this one's EMS already and goes before it; nullptr: none.
  const Connector* holder_of(const Connector& c, const EmsSerial& serial, const TenantId& tenant) const;
  void release_same(Now now);
  /// Nothing that it said counts, nor that it was another one than the one known here.
  void forget_ems(Connector& connector);
  bool load_tags(Connector& connector);
  void take_record(Record record);
  void drop_record(const RecordKey& key);
  /// Of endpoints that are refused for good nothing is kept longer than their certificates last.
  void drop_over(WallTime now);
  void refresh_slots(const Record& record);
  void refresh_everything();
  void follow_resolver();
  void publish_address(const IpAddress& ip);
  Slot make_slot(const Record& record, const ClientCertificate& certificate) const;

  proto::FabricIdentity identity_;
  Random& random_;
  proto::FabricClient::Options channel_;
  std::map<ConnectorId, Connector> connectors_;
  std::vector<proto::FabricInterface> own_interfaces_;  // as told to every EMS
  std::map<RecordKey, Record> records_;
  std::deque<WaitingChange> waiting_;  // one of a connector at most
  std::size_t at_once_ = kAtOnce;
  TagTable tags_;
  UserRules users_;
  std::pair<TagTable::Meaning, UserRules> refreshed_by_;
  Resolver resolver_;
  AskingAgain asking_again_;
  MonoTime next_asking_{};
  std::map<Sha256, Slot> slots_;
  std::map<RecordKey, std::set<Sha256>> leaves_;
  std::set<std::pair<WallTime, RecordKey>> blocked_until_;  // exactly those of records_ that are blocked, by last_expiry()
  std::map<IpAddress, AddressState> addresses_;
  std::map<Sha256, Use> uses_;
  std::map<Sha256, Pending> pending_;
  std::map<Sha256, MonoTime> negatives_;
  std::map<std::pair<ConnectorId, std::uint64_t>, std::optional<proto::fabric::Answer>> inquiries_;
  std::map<Sha256, SessionsByPlace> sessions_;
  std::uint64_t live_sessions_ = 0;
  std::optional<Decisions> decisions_;
  WallTime counted_since_{};
  Asking asking_;
  std::size_t asks_this_second_ = 0;
  MonoTime next_renewal_{};
  std::optional<MonoTime> last_turn_;   // of this loop
  std::optional<MonoTime> resumed_at_;  // after a standstill: until the EMSs have been heard again
  std::vector<act::Action> actions_;
};

}  // namespace postern::gateway
