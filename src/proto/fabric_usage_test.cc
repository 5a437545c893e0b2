// What a gateway tells its EMSs of its use.
#include <chrono>

#include "proto/fabric_client_lab.h"

namespace postern::proto {
namespace {

TEST_F(FabricClientLab, ReportsItsUsageWhenItChangesAndEachTenSeconds) {
  using std::chrono::milliseconds;
  // In ticks of 100 ms, as the gateway's loop gives them, with the EMS answering what it is asked.
  const auto reports = [&](milliseconds how_long) {
    std::vector<wire::SessionReport> out;
    for (milliseconds gone{0}; gone < how_long; gone += milliseconds(100)) {
      clock_.advance(milliseconds(100));
      client_.on_tick(clock_.now());
      for (const auto& frame : sent()) {
        if (frame.has_session_report()) out.push_back(frame.session_report());
        if (!frame.has_ping()) continue;
        FabricFrame pong;
        pong.mutable_pong()->set_id(frame.ping().id());
        receive(pong);
      }
    }
    return out;
  };
  FabricUsage usage{3, 10, 5, 1, 2, from_unix_ms(1'700'000'000'000)};
  client_.set_usage(usage);
  client_.enable(clock_.now());
  client_.on_connected(clock_.now());
  FabricFrame status;
  status.mutable_status()->set_state(wire::FabricStatus::PENDING);
  status.mutable_status()->set_ems_serial("PSTEMS0123456789");
  receive(status);
  EXPECT_TRUE(reports(milliseconds(2'000)).empty());  // nothing to whom has not authorised us
  status.mutable_status()->set_state(wire::FabricStatus::AUTHORISED);
  status.mutable_status()->set_ems_serial("PSTEMS0123456789");
  receive(status);
  auto said = reports(milliseconds(5'000));
  ASSERT_EQ(said.size(), 1u);
  EXPECT_EQ(said[0].live_sessions(), 3u);
  EXPECT_EQ(said[0].allowed(), 10u);
  EXPECT_EQ(said[0].denied(), 5u);
  EXPECT_EQ(said[0].cut(), 1u);
  EXPECT_EQ(said[0].uncounted(), 2u);
  EXPECT_EQ(said[0].counted_since_ms(), 1'700'000'000'000);
  usage.live_sessions = 4;
  client_.set_usage(usage);
  said = reports(milliseconds(100));
  ASSERT_EQ(said.size(), 1u);
  EXPECT_EQ(said[0].live_sessions(), 4u);
  // Much that changes is told once a second.
  for (int i = 0; i < 5; ++i) {
    ++usage.allowed;
    client_.set_usage(usage);
    EXPECT_TRUE(reports(milliseconds(100)).empty());
  }
  said = reports(milliseconds(600));
  ASSERT_EQ(said.size(), 1u);
  EXPECT_EQ(said[0].allowed(), 15u);
  // And what stays as it is each ten seconds.
  EXPECT_EQ(reports(milliseconds(30'000)).size(), 3u);
  // Another connection is told anew.
  client_.on_disconnected(clock_.now(), "cut");
  client_.disable();
  authorise();
  EXPECT_EQ(reports(milliseconds(100)).size(), 1u);
}

TEST_F(FabricClientLab, NobodyIsToldOfAUsageThatIsNotKnown) {
  authorise();
  sent();
  clock_.advance(std::chrono::seconds(1));
  client_.on_tick(clock_.now());
  for (const auto& frame : sent()) EXPECT_FALSE(frame.has_session_report());
}

}  // namespace
}  // namespace postern::proto
