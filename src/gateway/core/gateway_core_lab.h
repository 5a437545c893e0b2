#pragma once
// For tests: a gateway core, the EMS's end of its connection, and one endpoint on the network of its one interface.
// Time stands still until a test moves it.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "gateway/core/gateway_core.h"
#include "proto/view.h"
#include "wire/fabric.pb.h"

namespace postern::gateway {

/// The EMS's end of one connection, as simple as can be: it holds a view and says what changed.
class FakeEms {
 public:
  FakeEms(GatewayCore& core, Clock& clock, ConnectorId id = 1);
  ~FakeEms();

  void authorise(const char* serial = "PSTEMS0123456789", const std::string& tenant = {});
  void withdraw(wire::FabricStatus::State state);
  void say_goodbye(const char* reason);
  void tag(std::uint32_t id, const char* name);
  void hold(const wire::ViewEntry& entry);  ///< For the next snapshot.
  void snapshot();
  void upsert(const wire::ViewEntry& entry);
  void answer(std::uint64_t request, wire::CertificateAnswer::State state);
  void pong();
  void send(const wire::FabricFrame& frame);

 private:
  GatewayCore& core_;
  Clock& clock_;
  ConnectorId id_;
  proto::View view_;
  std::vector<wire::TagInfo> tags_;
  std::uint64_t revision_ = 10;
};

class GatewayCoreLab : public testing::Test {
 public:
  static constexpr char kUid[] = "9A016B5A6E914B42AD4168C066EB04CA";

 protected:
  using FabricFrame = wire::FabricFrame;
  static const MacAddress kGatewayMac;
  static const MacAddress kEndpointMac;

  GatewayCoreLab();
  ~GatewayCoreLab() override;

  static std::string raw(const MacAddress& mac);
  static std::string raw(const IpAddress& ip);  ///< IPv4.
  static IpAddress ip(const char* text);
  static Sha256 leaf(char fill);
  /// The endpoint kUid with its certificate leaf('a'), reached at 10.0.1.2 through port1.
  static wire::ViewEntry endpoint(const std::vector<std::uint32_t>& tags,
                                  const std::vector<std::uint32_t>& unknown = {});

  void connect();
  void network_answers();
  /// All actions of this kind that wait; the others are dropped.
  template <class T>
  std::vector<T> take() {
    std::vector<T> out;
    for (auto& action : core_.take_actions()) {
      if (auto* t = std::get_if<T>(&action)) out.push_back(std::move(*t));
    }
    return out;
  }
  /// All frames for the EMS that wait; other actions are dropped.
  std::vector<FabricFrame> take_frames();
  /// Time passes, then a tick.
  void tick(std::chrono::nanoseconds later);
  std::size_t bit(const char* name) const;

  ManualClock clock_;
  SeededRandom random_{1};
  GatewayCore core_;
  FakeEms ems_;
};

}  // namespace postern::gateway
