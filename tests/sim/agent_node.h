#pragma once
// An endpoint: a machine with a posture, and on it the agent's real end of telemetry.
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/ip.h"
#include "pki/key.h"
#include "proto/telemetry_client.h"
#include "tag_model.h"
#include "world.h"

namespace postern::sim {

class AgentNode final : public ClientEnd {
 public:
  AgentNode(World& world, int index);

  void start();
  void kill(bool machine_lost, Nanos down);
  bool up() const { return up_; }
  /// Its facts are told anew, as far as they changed.
  void posture_changed();
  void renew();
  bool registered() const { return !uid_.empty(); }
  /// Everything it reported is acknowledged.
  bool settled() const { return client_ && client_->settled(); }

  const std::string& name() const { return name_; }
  ConnectionId connection() const { return connection_; }
  int host() const { return 100 + index_; }
  const EndpointUid& uid() const { return uid_; }
  const Bytes& leaf() const { return chain_.front(); }
  Sha256 leaf_sha256() const { return sha256(ByteView(chain_.front())); }
  const proto::TelemetryClient* client() const { return client_.get(); }

  // ClientEnd
  void on_open(ConnectionId id) override;
  void on_message(ConnectionId id, ByteView bytes, MonoTime sent) override;
  void on_closed(ConnectionId id, const std::string& reason) override;

  // The machine.
  Posture posture;
  MacAddress mac;
  IpAddress ip;                      ///< Its own.
  std::optional<IpAddress> claimed;  ///< Another address that it says is its own, too.
  IpAddress source;                  ///< Where its telemetry comes from: its address, or a NAT's.
  std::size_t segment = 0;           ///< The gateway behind which it is.
  std::string invitation;            ///< Code it enrols by.
  MachineClock clock;

 private:
  Now now() const { return clock.at(world_.mono()); }
  void enrol();
  void on_enrolled(ByteView bytes);
  void begin_telemetry();
  void pump();
  void plan_tick();
  void retry_enrol(Nanos wait);
  void remember_report(ByteView bytes);

  World& world_;
  int index_;
  std::string name_;
  std::string machine_id_;
  SeededRandom random_;

  // On its disk.
  std::optional<pki::PrivateKey> key_;
  EndpointUid uid_;
  std::vector<Bytes> chain_;

  // The process.
  bool up_ = false;
  std::uint64_t run_ = 0;
  std::unique_ptr<proto::TelemetryClient> client_;
  ConnectionId connection_ = 0;  // the current one; 0: none
  bool enrolling_ = false;
  MonoTime tick_at_ = MonoTime::max();
};

/// The hardware address of a gateway's interface towards its endpoints.
MacAddress gateway_mac(std::size_t segment);
IpAddress segment_address(std::size_t segment, unsigned host);

}  // namespace postern::sim
