#pragma once
// Resolved addresses: which IP address belongs to which endpoint, as far as this gateway can tell for itself.
//
// An address in a record is a claim. A claim of an endpoint whose default gateway is one of our interfaces passes if
// our neighbour table shows that address, on that interface, with one of the endpoint's hardware addresses. A claim
// under `share all` or `selected` passes only if it equals the source of the endpoint's telemetry. Of several endpoints
// whose claims to one address pass, the one whose telemetry comes from it has it; if that doesn't decide, the one that
// had it before, else nobody. A claim
// that passes is worth nothing beside one, passing or not, of an endpoint whose telemetry comes from that address: who
// answers ARP for somebody else gets nothing by it. Our own addresses can't be claimed, nor those of what the gateway
// itself depends on (EMSs, next hops, real servers): nobody enrolled would contest them.
// What the network has confirmed once is pinned: the entry is to be made permanent, so that nobody else's answer moves
// it, and it confirms its owner's claim only, until that claim goes. Then the network is asked anew (docs/adr/0006).
// Quarantined, offline, blocked and unregistered endpoints claim nothing, and nothing of a connector that is past its
// out-of-sync threshold counts. A quarantined endpoint's address isn't free either: the same hardware address, enrolled a
// second time, doesn't get it. Pure; thread: one. Source: docs/adr/0003, 0006.
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/ip.h"
#include "gateway/addresses/local_interface.h"
#include "gateway/addresses/resolve_reason.h"
#include "gateway/records/record.h"

namespace postern::gateway {

/// What the neighbour table says of one address on one interface.
struct NeighbourKey {
  std::string interface;
  IpAddress ip;
  friend auto operator<=>(const NeighbourKey&, const NeighbourKey&) = default;
};
struct Neighbour {
  enum class State {
    kAsking,   ///< Asked, no answer yet: what stood before goes on standing.
    kPresent,  ///< `mac` is there.
    kAbsent,   ///< Nobody answered.
  };
  State state = State::kAbsent;
  MacAddress mac;
  bool lasting = false;  ///< An administrator made the entry permanent: it stands by itself, and is never pinned.
  friend bool operator==(const Neighbour&, const Neighbour&) = default;
};

struct ResolvedAddress {
  IpAddress ip;
  MacAddress mac;         ///< Valid for adjacent endpoints only.
  std::string interface;  ///< Ours, likewise.
  RecordKey owner;
  friend bool operator==(const ResolvedAddress&, const ResolvedAddress&) = default;
};

/// A confirmed address: its entry is permanent, with this hardware address, for this owner's claim only.
struct Pin {
  NeighbourKey key;
  MacAddress mac;
  RecordKey owner;
  friend bool operator==(const Pin&, const Pin&) = default;
};

/// The entry of `key` is to be made permanent with this hardware address; none: it is to go.
struct PinChange {
  NeighbourKey key;
  std::optional<MacAddress> mac;
  friend bool operator==(const PinChange&, const PinChange&) = default;
};

class Resolver {
 public:
  /// So many adjacent addresses of one record are claims: each costs an entry of the kernel's neighbour table.
  static constexpr std::size_t kMaxAdjacentClaims = 64;

  /// Each of these names the addresses whose owner may have changed, until `take_changes`. What concerns very many records is
  /// gone through in several calls, `go_on`; until its turn has come a record's claims stand as they stood, except those to what is
  /// ours or reserved now. What is stale wins nothing anew from the first moment.
  void set_interfaces(std::vector<LocalInterface> interfaces);
  /// Addresses that nobody can claim, beside those of our interfaces.
  void set_reserved(std::set<IpAddress> addresses);
  void set_neighbour(const NeighbourKey& key, const Neighbour& neighbour);
  void remove_neighbour(const NeighbourKey& key);  ///< Nothing is known any more: as never asked.
  void upsert(const Record& record);
  void remove(const RecordKey& key);
  void set_stale(ConnectorId connector, bool stale);
  /// At most so many records more.
  void go_on(std::size_t records);
  bool unfinished() const { return !waiting_.empty(); }
  /// So many are gone through at once.
  void set_at_once(std::size_t records) { at_once_ = records; }

  /// The winner of an address, if any.
  const ResolvedAddress* find(const IpAddress& ip) const;
  const std::map<IpAddress, ResolvedAddress>& resolved() const { return resolved_; }
  /// Addresses whose owner, hardware address or interface changed since the last call.
  std::set<IpAddress> take_changes();
  /// What to pin and what not any more, in order; to be carried out before the questions.
  std::vector<PinChange> take_pins();
  /// Claims that need the network's answer: ask by ARP or ND, then say kAsking. Each once per lack of an entry.
  std::vector<NeighbourKey> take_questions();
  /// Claims that the network did not confirm: nobody answered, or somebody who claims nothing. Worth asking again, by and
  /// by; see AskingAgain.
  const std::set<NeighbourKey>& unanswered() const { return unanswered_; }
  bool pinned(const NeighbourKey& key) const;
  const std::map<IpAddress, Pin>& pins() const { return pins_; }
  /// Takes up what a gateway before this one pinned, if its owner still claims it in the same way; to be called once
  /// all records are there. False: it says nothing.
  bool adopt(const Pin& pin);
  /// Addresses that two endpoints claimed with equal right since the last call: worth an alert.
  std::vector<IpAddress> take_contested();
  /// Records with more adjacent addresses than are claims; each once, as long as it is there.
  std::vector<RecordKey> take_excessive();

  /// Why is (isn't) this endpoint among the resolved addresses?
  ResolveReason why(const RecordKey& key) const;
  /// Of one address that it reports; kNoAddress also for one that it doesn't.
  ResolveReason why(const RecordKey& key, const IpAddress& ip) const;
  /// Who claims this address, with right or without, and who has it in quarantine.
  std::vector<RecordKey> claimants(const IpAddress& ip) const;
  /// What the network said of it; nullptr: nobody has asked or heard.
  const Neighbour* neighbour(const NeighbourKey& key) const;
  /// Our interface on whose network this address is; nullptr: on none, whoever has it is behind a router.
  const LocalInterface* network_of(const IpAddress& ip) const;
  /// Our interface that is the endpoint's default gateway, by the hardware address it reported; nullptr: none.
  const LocalInterface* gateway_interface(const Record& record) const;
  /// Our interface that a route of an endpoint leads to, likewise.
  const LocalInterface* interface_of(const posture::Route& route) const;
  const std::vector<LocalInterface>& interfaces() const { return interfaces_; }
  const std::set<IpAddress>& reserved() const { return reserved_; }

 private:
  struct Claim {
    RecordKey owner;
    std::string interface;        // ours; empty: not adjacent
    std::vector<MacAddress> macs; // the endpoint's; first that of the interface with the address
    bool telemetry_source = false;
    friend bool operator==(const Claim&, const Claim&) = default;
  };
  struct Known {
    std::set<IpAddress> claimed;
    std::set<IpAddress> barred;  // by its quarantine
    ResolveReason without_claim = ResolveReason::kNoAddress;  // when `claimed` is empty
    bool excess_told = false;
    Record record;
  };

  std::map<IpAddress, Claim> claims_of(const Record& record, ResolveReason& without_claim, bool& excessive) const;
  void reclaim(Known& known);
  std::set<RecordKey> keys(std::optional<ConnectorId> connector = {}) const;
  bool has_interface(const std::string& name) const;
  bool is_own(const IpAddress& ip) const;
  void claim_anew(std::set<RecordKey> records);
  std::set<RecordKey> claimants_of_ours() const;
  std::set<IpAddress> bar(Known& known);
  bool in_quarantine(const IpAddress& ip, const Claim& claim) const;
  void judge(const IpAddress& ip);
  void decide(const IpAddress& ip);
  void note_unanswered(const IpAddress& ip);
  bool repin(const IpAddress& ip);
  void forget_answer(const NeighbourKey& key);
  ResolveReason judge_claim(const IpAddress& ip, const Claim& claim, MacAddress& mac) const;

  std::vector<LocalInterface> interfaces_;
  std::set<IpAddress> reserved_;
  std::map<NeighbourKey, Neighbour> neighbours_;
  std::map<RecordKey, Known> records_;
  std::set<RecordKey> waiting_;  // some of those, whose claims are to be looked at anew
  std::size_t at_once_ = 4096;
  std::map<IpAddress, std::vector<Claim>> claims_;
  std::map<IpAddress, std::vector<RecordKey>> barred_;  // quarantined endpoints that have the address
  std::map<IpAddress, ResolvedAddress> resolved_;
  std::map<IpAddress, Pin> pins_;
  std::set<ConnectorId> stale_;
  std::set<IpAddress> changed_;
  std::set<NeighbourKey> asked_, unanswered_;
  std::vector<NeighbourKey> questions_;
  std::vector<PinChange> pin_changes_;
  std::vector<IpAddress> contested_;
  std::vector<RecordKey> excessive_;
};

}  // namespace postern::gateway
