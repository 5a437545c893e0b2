#include "proto/telemetry_client.h"

#include <gtest/gtest.h>

#include "proto/telemetry_server.h"
#include "wire/telemetry.pb.h"

namespace postern::proto {
namespace {

/// Both ends of telemetry, face to face.
class TelemetryPair : public testing::Test {
 protected:
  TelemetryPair() : client_({EndpointUid(std::string(32, 'A')), "0.1", "b"}, random_) {}

  void connect(std::uint64_t acked = 0, bool full = true) {
    client_.on_connected(clock_.now());
    server_ = TelemetryServer();
    deliver();
    ASSERT_FALSE(hellos_.empty());
    receive(server_.welcome({EmsSerial("PSTEMS0123456789"), TenantId(""), Seconds(60), clock_.now().wall}, acked, full));
    deliver();
  }
  /// The agent's frames to the EMS's end.
  void deliver() {
    for (auto& action : client_.take_actions()) {
      if (auto* send = std::get_if<agent::Send>(&action)) {
        auto event = server_.on_frame(send->bytes);
        ASSERT_TRUE(event) << event.error().message;
        if (auto* hello = std::get_if<telemetry::Hello>(&*event)) hellos_.push_back(*hello);
        if (auto* report = std::get_if<telemetry::Report>(&*event)) reports_.push_back(*report);
        if (auto* offer = std::get_if<telemetry::InventoryOffer>(&*event)) offers_.push_back(*offer);
        if (auto* inventory = std::get_if<telemetry::Inventory>(&*event)) inventories_.push_back(*inventory);
        if (std::holds_alternative<telemetry::Keepalive>(*event)) ++keepalives_;
      } else if (std::holds_alternative<agent::Connect>(action)) {
        ++connects_;
      } else if (std::holds_alternative<agent::Disconnect>(action)) {
        ++disconnects_;
      }
    }
  }
  void receive(const Bytes& bytes) { client_.on_frame(clock_.now(), bytes); }
  posture::Fact fact(bool value) { return {value, clock_.now().wall, "test"}; }

  ManualClock clock_;
  SeededRandom random_{1};
  TelemetryClient client_;
  TelemetryServer server_;
  std::vector<telemetry::Hello> hellos_;
  std::vector<telemetry::Report> reports_;
  std::vector<telemetry::InventoryOffer> offers_;
  std::vector<telemetry::Inventory> inventories_;
  int keepalives_ = 0, connects_ = 0, disconnects_ = 0;
};

TEST_F(TelemetryPair, FirstEverythingThenOnlyWhatChanged) {
  client_.set_fact("a", fact(true));
  client_.set_fact("b", fact(true));
  client_.enable(clock_.now());
  connect();
  ASSERT_EQ(reports_.size(), 1u);
  EXPECT_TRUE(reports_[0].full);
  EXPECT_EQ(reports_[0].facts.size(), 2u);
  EXPECT_FALSE(client_.settled());
  receive(TelemetryServer::ack(1));
  EXPECT_TRUE(client_.settled());
  client_.set_fact("a", fact(true));  // the same value is no change
  client_.flush(clock_.now());
  deliver();
  EXPECT_EQ(reports_.size(), 1u);
  client_.set_fact("a", fact(false));
  client_.remove_fact("b");
  client_.flush(clock_.now());
  deliver();
  ASSERT_EQ(reports_.size(), 2u);
  EXPECT_FALSE(reports_[1].full);
  EXPECT_EQ(reports_[1].facts.at(0).first, "a");
  EXPECT_EQ(reports_[1].removed, std::vector<std::string>{"b"});
}

TEST_F(TelemetryPair, WhatWasNotAcknowledgedGoesOutAgain) {
  client_.set_fact("a", fact(true));
  client_.enable(clock_.now());
  connect();
  receive(TelemetryServer::ack(1));
  client_.set_fact("a", fact(false));
  client_.flush(clock_.now());
  deliver();
  client_.on_disconnected(clock_.now(), "gone");
  clock_.advance(std::chrono::seconds(2));
  client_.on_tick(clock_.now());
  connect(1, false);
  ASSERT_EQ(reports_.size(), 3u);
  EXPECT_EQ(hellos_.back().last_acked_seq, 1u);
  EXPECT_EQ(reports_[2].facts.at(0).first, "a");
  EXPECT_EQ(reports_[2].seq, 2u);  // numbers have no gaps
}

TEST_F(TelemetryPair, TheInventoryTravelsOnlyWhenAskedFor) {
  client_.set_inventory("text of packages", clock_.now().wall);
  client_.enable(clock_.now());
  connect();
  ASSERT_EQ(offers_.size(), 1u);
  EXPECT_TRUE(inventories_.empty());
  receive(server_.want_inventory(offers_[0].hash));
  deliver();
  ASSERT_EQ(inventories_.size(), 1u);
  EXPECT_EQ(inventories_[0].text, "text of packages");
}

TEST_F(TelemetryPair, KeepsAliveAndNoticesSilence) {
  client_.enable(clock_.now());
  connect();
  clock_.advance(std::chrono::seconds(61));
  client_.on_tick(clock_.now());
  deliver();
  EXPECT_EQ(keepalives_, 1);
  clock_.advance(std::chrono::seconds(61));
  client_.on_tick(clock_.now());
  deliver();
  EXPECT_EQ(disconnects_, 1);
  EXPECT_FALSE(client_.connected());
}

TEST_F(TelemetryPair, DeregisteredEndpointsDoNotComeBack) {
  client_.enable(clock_.now());
  connect();
  receive(TelemetryServer::goodbye(telemetry::kDeregistered, Millis(0), "removed by an administrator"));
  clock_.advance(std::chrono::hours(1));
  client_.on_tick(clock_.now());
  connects_ = 0;
  deliver();
  EXPECT_EQ(connects_, 0);
  EXPECT_TRUE(client_.deregistered());
}

TEST_F(TelemetryPair, HonoursRetryAfter) {
  client_.enable(clock_.now());
  connect();
  receive(TelemetryServer::goodbye(telemetry::kShuttingDown, Millis(5000), ""));
  deliver();
  connects_ = 0;
  clock_.advance(std::chrono::milliseconds(4900));
  client_.on_tick(clock_.now());
  deliver();
  EXPECT_EQ(connects_, 0);
  clock_.advance(std::chrono::milliseconds(200));
  client_.on_tick(clock_.now());
  deliver();
  EXPECT_EQ(connects_, 1);
}

}  // namespace
}  // namespace postern::proto
