#pragma once
// The EMS: the real core on a store in memory, and the shell around it that can die at any moment.
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "ems/core/ems_core.h"
#include "ems/store/memory_store.h"
#include "world.h"

namespace postern::sim {

class EmsNode final : public ServerEnd {
 public:
  explicit EmsNode(World& world);

  enum class Death { kIdle, kBeforeCommit, kAfterCommit, kMidway };
  /// Dies now, or at the next commit; comes back after `down`.
  void kill(Death death, bool machine_lost, Nanos down);
  void spare() { doom_.reset(); }
  void shut_down(Nanos down);
  void start();
  bool up() const { return core_ != nullptr; }
  ems::EmsCore& core() { return *core_; }
  ems::MemoryStore& store() { return store_; }
  Now now() const { return clock.at(world_.mono()); }
  /// After any input of the core.
  void went_on();

  /// As it is committed; none: no such one.
  std::optional<ems::FabricDevice> stored_device(const GatewaySerial& serial) const;

  /// Has this EMS ever announced a view with this digest to that gateway?
  bool announced(const GatewaySerial& serial, const Sha256& digest) const;

  // ServerEnd
  bool listening() const override { return up(); }
  void on_open(ConnectionId id, Service service, const Caller& caller) override;
  void on_message(ConnectionId id, ByteView bytes) override;
  void on_closed(ConnectionId id) override;

  MachineClock clock;
  /// The next snapshot to a gateway goes out without its content: an EMS that failed half way.
  unsigned damage_snapshots = 0;
  /// The next deltas go out with a part missing.
  unsigned damage_deltas = 0;

 private:
  struct Session {
    Service service = Service::kEnrol;
    GatewaySerial serial;  // fabric: of the certificate
    Sha256 key{};
  };
  /// What TLS would say of a certificate; worked out once.
  struct Shown {
    GatewaySerial serial;
    Sha256 key{};
    WallTime not_before{}, not_after{};
    bool ours = false;  // chains to the ZTNA CA
  };
  const Shown& certificate(const Bytes& leaf);
  void die();
  void flush();
  void perform(ems::act::Action& action);
  bool check_fabric_frame(ConnectionId id, const Session& session, Bytes& bytes);
  void tick();

  World& world_;
  SeededRandom random_;
  ems::MemoryStore store_;
  std::unique_ptr<ems::EmsCore> core_;
  std::uint64_t run_ = 0;  // counts starts, so that plans of a dead process do nothing
  bool flush_planned_ = false;
  struct Doom {
    Death death;
    bool lost;
    Nanos down;
  };
  std::optional<Doom> doom_;
  std::map<ConnectionId, Session> sessions_;
  std::map<Sha256, Shown> shown_;
  std::map<GatewaySerial, std::set<Sha256>> announced_;
};

}  // namespace postern::sim
