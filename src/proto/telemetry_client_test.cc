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
    receive(
        server_.welcome({EmsSerial("PSTEMS0123456789"), TenantId(""), Seconds(60), clock_.now().wall}, acked, full));
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

TEST_F(TelemetryPair, WithNothingElseToSayItSaysSoAfterAWelcome) {
  client_.set_fact("a", fact(true));
  client_.enable(clock_.now());
  connect();
  ASSERT_EQ(reports_.size(), 1u);
  EXPECT_EQ(keepalives_, 0);
  receive(TelemetryServer::ack(1));
  const auto reconnect = [&] {
    deliver();
    client_.on_disconnected(clock_.now(), "gone");
    clock_.advance(std::chrono::minutes(2));
    client_.on_tick(clock_.now());
    connect(1, false);
  };
  reconnect();
  EXPECT_EQ(reports_.size(), 1u);
  EXPECT_EQ(keepalives_, 1);
  client_.set_inventory("text", clock_.now().wall);
  reconnect();
  EXPECT_EQ(keepalives_, 1);  // the offer says it too
  client_.clear_inventory();
  client_.set_fact("a", fact(false));
  reconnect();
  EXPECT_EQ(reports_.size(), 2u);
  EXPECT_EQ(keepalives_, 1);
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

TEST_F(TelemetryPair, WaitsLongerAndLongerWithJitterAndNotWithoutEnd) {
  client_.enable(clock_.now());
  std::vector<std::chrono::nanoseconds> waits;
  for (int i = 0; i < 14; ++i) {
    client_.on_disconnected(clock_.now(), "refused");
    waits.push_back(client_.next_deadline() - clock_.now().mono);
    clock_.advance(waits.back());
    client_.on_tick(clock_.now());
    deliver();
  }
  EXPECT_EQ(connects_, 15);
  EXPECT_GE(waits[0], std::chrono::milliseconds(125));
  EXPECT_LE(waits[0], std::chrono::milliseconds(250));
  EXPECT_GE(waits[13], std::chrono::seconds(30));
  EXPECT_LE(waits[13], std::chrono::seconds(60));
}

TEST_F(TelemetryPair, AnEmsThatWelcomesAndCannotStoreIsLeftInPeace) {
  client_.enable(clock_.now());
  std::chrono::nanoseconds wait{};
  for (int i = 0; i < 8; ++i) {
    connect();
    receive(TelemetryServer::goodbye(telemetry::kUnavailable, Millis(0), "the disk is full"));
    wait = client_.next_deadline() - clock_.now().mono;
    clock_.advance(wait);
    client_.on_tick(clock_.now());
    deliver();
  }
  EXPECT_GE(wait, std::chrono::seconds(16));
  EXPECT_EQ(client_.last_error(), "the disk is full");
}

TEST_F(TelemetryPair, GivesUpOnAConnectionThatNeverAnswers) {
  client_.enable(clock_.now());
  deliver();
  clock_.advance(client_.next_deadline() - clock_.now().mono);
  client_.on_tick(clock_.now());
  deliver();
  EXPECT_EQ(disconnects_, 1);
  clock_.advance(client_.next_deadline() - clock_.now().mono);
  client_.on_tick(clock_.now());
  client_.on_connected(clock_.now());
  deliver();
  clock_.advance(client_.next_deadline() - clock_.now().mono);  // hello, and no welcome
  client_.on_tick(clock_.now());
  deliver();
  EXPECT_EQ(disconnects_, 2);
}

TEST_F(TelemetryPair, HoldsEachFactOnceHoweverLongTheEmsIsAway) {
  client_.enable(clock_.now());
  client_.on_disconnected(clock_.now(), "refused");
  for (int i = 0; i < 100'000; ++i) {
    client_.set_fact("a", fact(i % 2 == 0));
    client_.set_fact("gone", fact(true));
    client_.remove_fact("gone");
    client_.flush(clock_.now());
  }
  EXPECT_EQ(client_.facts().size(), 1u);
  client_.take_actions();
  clock_.advance(std::chrono::seconds(1));
  client_.on_tick(clock_.now());
  connect();
  ASSERT_EQ(reports_.size(), 1u);
  EXPECT_EQ(reports_[0].facts.size(), 1u);
}

TEST_F(TelemetryPair, LargeReportsGoInPieces) {
  for (int i = 0; i < 200; ++i) {
    client_.set_fact("text" + std::to_string(i), {std::string(20'000, 'x'), clock_.now().wall, "test"});
  }
  client_.set_fact("huge", {std::string(70'000, 'x'), clock_.now().wall, "test"});
  client_.enable(clock_.now());
  connect();
  ASSERT_GE(reports_.size(), 3u);
  std::size_t facts = 0;
  for (std::size_t i = 0; i < reports_.size(); ++i) {
    facts += reports_[i].facts.size();
    EXPECT_EQ(reports_[i].full, i == 0);
    for (const auto& [key, value] : reports_[i].facts) EXPECT_EQ(value.known(), key != "huge");
  }
  EXPECT_EQ(facts, 201u);
}

TEST_F(TelemetryPair, SwitchedOffAndOnAgainNothingIsLost) {
  client_.set_fact("a", fact(true));
  client_.enable(clock_.now());
  connect();
  receive(TelemetryServer::ack(1));
  client_.set_fact("a", fact(false));
  client_.flush(clock_.now());
  deliver();
  client_.disable();  // for a renewed certificate
  EXPECT_FALSE(client_.connected());
  client_.enable(clock_.now());
  connect(1, false);
  EXPECT_EQ(reports_.back().seq, 2u);
  EXPECT_EQ(reports_.back().facts.at(0).first, "a");
}

TEST_F(TelemetryPair, TagsProfileProbesAndRenewal) {
  client_.enable(clock_.now());
  connect();
  EXPECT_FALSE(client_.quarantined().has_value());
  receive(TelemetryServer::tag_state({{"Vulnerable-Device", "update", true}}, true, true, 5));
  receive(TelemetryServer::profile({"Default", true, false, Seconds(5)}));
  receive(TelemetryServer::probes(7, {"process.running:sshd", "file.exists:/etc/x", "ems.online",
                                      "file.exists:/" + std::string(600, 'x')}));
  EXPECT_EQ(client_.tags(), (std::vector<agent::Tag>{{"Vulnerable-Device", "update", true}}));
  EXPECT_TRUE(client_.profile().show_tags);
  EXPECT_EQ(client_.quarantined(), std::optional(true));
  EXPECT_FALSE(client_.profile().vulnerability_scan);
  EXPECT_EQ(client_.profile().inventory_interval, Seconds(60));
  ASSERT_EQ(client_.probes().size(), 2u);  // what no agent may report is left out
  EXPECT_EQ(client_.probes()[1], "file.exists:/etc/x");
  client_.take_actions();
  receive(TelemetryServer::renewed({{1, 2}, {3}}));
  auto actions = client_.take_actions();
  ASSERT_EQ(actions.size(), 1u);
  EXPECT_EQ(std::get<agent::Renewed>(actions[0]).chain_der.size(), 2u);
  receive(TelemetryServer::renewal_refused({ErrorCode::kConflict, "another endpoint has this key"}));
  actions = client_.take_actions();
  EXPECT_EQ(std::get<agent::RenewalRefused>(actions.at(0)).message, "another endpoint has this key");
  // The probes' version is told after a reconnect, so that they are not sent again.
  client_.on_disconnected(clock_.now(), "gone");
  clock_.advance(std::chrono::seconds(1));
  client_.on_tick(clock_.now());
  connect();
  EXPECT_EQ(hellos_.back().probes_version, 7u);
}

TEST_F(TelemetryPair, FramesThatNoEmsSendsEndTheConnection) {
  client_.enable(clock_.now());
  connect();
  receive(Bytes{0xff, 0xff});
  EXPECT_FALSE(client_.connected());
  clock_.advance(std::chrono::seconds(1));
  client_.on_tick(clock_.now());
  connect();
  receive(TelemetryServer::ack(99));
  EXPECT_FALSE(client_.connected());
  EXPECT_EQ(client_.last_acked(), 0u);
}

}  // namespace
}  // namespace postern::proto
