#pragma once
// For tests: a core on a store in memory, agents that speak frame by frame, and gateways that are the real
// FabricClient. A test that looks into frames includes wire/telemetry.pb.h or wire/fabric.pb.h itself.
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "ems/core/ems_core.h"
#include "ems/store/memory_store.h"
#include "pki/authority.h"
#include "posture/fact_keys.h"
#include "proto/fabric_client.h"

namespace postern::wire {
class EndpointRecord;
class EnrolResponse;
class FabricFrame;
class TelemetryFrame;
}  // namespace postern::wire

namespace postern::ems::testing {

namespace keys = posture::keys;

constexpr std::chrono::hours kDay{24};
constexpr const char* kPort1 = "02:00:00:00:00:01";  ///< The card of a gateway that agents join behind.

/// One endpoint's side of the protocol.
struct TestAgent {
  TestAgent();
  ~TestAgent();

  pki::PrivateKey key = pki::PrivateKey::generate();
  std::unique_ptr<wire::EnrolResponse> enrolled;  ///< Never null; empty before an answer came.
  SessionId session = 0;
  std::uint64_t seq = 0;
  std::uint64_t run = 7;
  std::vector<wire::TelemetryFrame> inbox;
  bool closed = false;

  EndpointUid uid() const;
  Bytes leaf() const;
  Sha256 leaf_sha256() const;
  /// The last frame of this wire::TelemetryFrame::KindCase; null: none came.
  const wire::TelemetryFrame* last(int kind) const;
  /// Tag names of the last TagState; unknown ones with a question mark.
  std::set<std::string> tags() const;
  std::uint64_t acked() const;
};

struct TestGateway {
  TestGateway(const std::string& serial, std::uint64_t seed);
  ~TestGateway();

  SeededRandom random;
  pki::Identity identity;
  proto::FabricClient client;
  SessionId session = 0;
  std::vector<proto::fabric::Answer> answers;
  std::vector<wire::FabricFrame> inbox;
  std::function<std::vector<proto::fabric::SessionsCut>(const proto::fabric::WhatIf&)> what_if;  ///< None: says nothing.

  std::size_t endpoints() const;
  wire::EndpointRecord record(const EndpointUid& uid) const;
};

class Lab : public ::testing::Test {
 protected:
  Lab();
  ~Lab() override;

  /// A new process on the same store: connections are gone.
  void restart();
  /// Everything to its end: commits, and both directions of every connection.
  void run();

  std::string invite(std::uint32_t uses = 1, Seconds life = Seconds(3600));
  /// Returns the error's code, empty on success.
  std::string enrol(TestAgent& agent, const std::string& code, const std::string& machine = "0123456789abcdef");
  void ask_enrol(TestAgent& agent, const std::string& code, const std::string& machine = "0123456789abcdef");

  void connect(TestAgent& agent, std::uint64_t last_acked = 0, bool verified = true);
  void send(TestAgent& agent, const wire::TelemetryFrame& frame);
  /// As an agent does after a welcome when it has nothing else to say.
  void keep_alive(TestAgent& agent);
  posture::Fact fact(posture::FactValue value);
  /// Without running: nothing is committed yet.
  void report(TestAgent& agent, const std::vector<std::pair<std::string, posture::FactValue>>& facts,
              bool full = false);
  /// Enrolled, connected, with the facts that every Linux endpoint reports.
  void join(TestAgent& agent, const std::string& gateway_mac = kPort1);

  void save_tag(const std::string& json);
  void save_process_tag(const std::string& name = "Has-sshd");

  void connect(TestGateway& gateway);
  void disconnect(TestGateway& gateway);
  Status authorise(const TestGateway& gateway, EmsCore::DeviceChange change = {});
  /// With a card of this address, connected and authorised.
  Status join(TestGateway& gateway, const std::string& mac = kPort1);
  static GatewaySerial serial_of(const TestGateway& gateway);
  static void set_interface(TestGateway& gateway, const std::string& mac);

  void perform(act::Action& action);
  bool pump(TestGateway& gateway);

  ManualClock clock;
  SeededRandom random{42};
  MemoryStore store{0x1234};
  std::unique_ptr<EmsCore> core;
  Actor admin{"admin", "127.0.0.1"};
  std::vector<std::string> alerts;
  std::vector<std::string> web_certificates_in_use;   ///< As the core said, in order.
  std::vector<std::string> telemetry_certificates_in_use;
  std::vector<std::string> passwords_changed;         ///< Whose.
  std::vector<TestGateway*> all_gateways;
  std::vector<std::string> server_names{"127.0.0.1"};  ///< Of the next start.
  EmsOptions options;                                  ///< The same, but for what tests never change.

 private:
  SessionId sessions_ = 0;
  std::map<SessionId, TestAgent*> agents_;
  std::map<SessionId, TestGateway*> gateways_;
};

}  // namespace postern::ems::testing
