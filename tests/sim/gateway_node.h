#pragma once
// A gateway: the real core, view cache and firewall model, with the shell's few lines between them, on a machine whose
// kernel and shared memory outlive the process.
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "gateway/core/gateway_core.h"
#include "gateway/firewall/model.h"
#include "nft_tables.h"
#include "pki/authority.h"
#include "wire/fabric.pb.h"
#include "world.h"

namespace postern::sim {

class EmsNode;

class GatewayNode final : public ClientEnd {
 public:
  static constexpr gateway::ConnectorId kConnector = 1;

  GatewayNode(World& world, EmsNode& ems, std::size_t index);

  void start();
  void kill(bool reboot, bool machine_lost, Nanos down);
  /// SIGSTOP.
  void stop(Nanos how_long);
  bool up() const { return core_ != nullptr; }
  bool stopped() const { return world_.mono() < stopped_until_; }
  void set_interfaces(std::vector<gateway::LocalInterface> interfaces);
  /// The kernel's neighbour table changed; none: the entry is gone, a pinned one too (its interface was down). Nobody's
  /// answer moves a pinned one.
  void set_neighbour(const gateway::NeighbourKey& key, std::optional<gateway::Neighbour> neighbour);
  /// Somebody comes with this certificate.
  void access(const Sha256& leaf);
  /// Who really answers for an address on this segment.
  std::function<std::optional<MacAddress>(const IpAddress&)> who_answers;

  const std::string& name() const { return name_; }
  ConnectionId connection() const { return connection_; }
  int host() const { return 1 + static_cast<int>(index_); }
  const GatewaySerial& serial() const { return serial_; }
  const pki::Identity& identity() const { return identity_; }
  const gateway::GatewayCore& core() const { return *core_; }
  const gateway::GatewayCore::Decisions& decisions() const { return decisions_; }
  const proto::FabricClient& client() const { return *core_->connectors().at(kConnector).client; }
  const std::map<gateway::NeighbourKey, gateway::Neighbour>& neighbours() const { return neighbours_; }
  const std::map<gateway::NeighbourKey, MacAddress>& pins() const { return pins_; }
  const std::vector<gateway::LocalInterface>& interfaces() const { return interfaces_; }
  const std::map<Sha256, gateway::Slot>& shared_slots() const { return slots_; }
  /// Would a worker let this certificate in as far as leases go?
  bool leased() const { return world_.mono() < lease_ && world_.mono() < valid_; }
  static std::vector<gateway::firewall::Policy> policies();
  /// Nobody is let in whom an administrator put out longer ago than the threshold.
  void check_denied();
  /// What the resolver must come to when no question is open.
  void check_resolved();

  // ClientEnd
  void on_open(ConnectionId id) override;
  void on_message(ConnectionId id, ByteView bytes, MonoTime sent) override;
  void on_closed(ConnectionId id, const std::string& reason) override;
  MonoTime stopped_until() const override { return stopped_until_; }

  MachineClock clock;
  /// By how much its wall clock was set back since it booted: a view kept across a reboot may look that much younger.
  Millis set_back{0};
  unsigned kernel_refusals = 0;  ///< So many transactions will be refused.

 private:
  Now now() const { return clock.at(world_.mono()); }
  void tick();
  void save();
  void pump();
  void go_on();
  void carry_out(gateway::act::Action& action);
  gateway::firewall::AddressEntry firewall_entry(const gateway::AddressState& state) const;
  void refresh_firewall_tags();
  bool apply_firewall();
  bool run_nft(const std::string& commands);
  void unpin(const gateway::NeighbourKey& key);
  void ask_network(const gateway::NeighbourKey& key);
  void open_session(const Sha256& leaf);
  IpAddress segment_source() const;
  std::vector<Bytes> trusting(ByteView bytes);

  // gateway_checks.cc
  void check();
  void check_view();
  void check_slots();
  void check_addresses();
  void check_sets();
  void check_pins();

  World& world_;
  EmsNode& ems_;
  std::size_t index_;
  std::string name_;
  GatewaySerial serial_;
  SeededRandom random_;
  pki::Identity identity_;

  // The machine.
  std::vector<gateway::LocalInterface> interfaces_;
  std::map<gateway::NeighbourKey, gateway::Neighbour> neighbours_;
  std::map<gateway::NeighbourKey, MacAddress> pins_;  // permanent entries among them
  NftTables nft_;
  std::map<Sha256, gateway::Slot> slots_;  // ec-shm
  MonoTime lease_{}, valid_{};             // on the simulation's clock
  std::string kept_view_;                  // on disk
  EmsSerial pinned_;
  std::string boot_id_;

  // The process.
  std::unique_ptr<gateway::GatewayCore> core_;
  std::unique_ptr<gateway::firewall::FirewallModel> model_;
  gateway::GatewayCore::Decisions decisions_;
  std::uint64_t run_ = 0;
  ConnectionId connection_ = 0;
  MonoTime stopped_until_{};
  MonoTime saved_contact_{};
  MonoTime nft_lease_{};
  bool firewall_dirty_ = false, firewall_ready_ = false, firewall_broken_ = false;
  bool unsaved_ = false, pumping_ = false, going_on_ = false;
  std::set<gateway::NeighbourKey> missed_;  // while it stood still
  std::vector<wire::FabricFrame> held_back_;  // of a snapshot on its way in, with the planted bug

  MonoTime heard_from_{};  // when the EMS sent the newest word that arrived here
};

}  // namespace postern::sim
