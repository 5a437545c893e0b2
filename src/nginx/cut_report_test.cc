// What the report of a cut says.
#include "nginx/fixture_test.h"

namespace postern::nginx::lab {
namespace {

TEST_F(ModuleTest, ACutTellsHowLongItsRequestWasOpen) {
  const auto begin = SystemClock().now().wall;
  auto client = open_websocket();
  const auto opened = SystemClock().now().wall;
  // In use until a while has passed.
  while (SystemClock().now().wall < opened + Millis(30)) {
    client->send("alive");
    ASSERT_EQ(client->read(), "alive");
  }
  plane_->put(device_.leaf, changed([](auto& d) { d.tags.reset(kHealthy); }));
  EXPECT_EQ(client->drain(), End::kReset) << nginx_->log();
  const auto event =
      plane_->wait_event([](const ecshm::Event& e) { return e.type == EventType::kCut; });
  ASSERT_TRUE(event);
  EXPECT_GE(event->duration_ms, 30u);
  EXPECT_LE(event->duration_ms, (SystemClock().now().wall - begin).count() + 1);
  EXPECT_EQ(event->detail, "");
}

TEST_F(ModuleTest, ACutForARecordThatVanishedSaysThatItWasThere) {
  auto client = open_websocket();
  plane_->change([&](ecshm::Writer& writer) { writer.remove(device_.leaf); });
  EXPECT_EQ(client->drain(), End::kReset) << nginx_->log();
  const auto event =
      plane_->wait_event([](const ecshm::Event& e) { return e.type == EventType::kCut; });
  ASSERT_TRUE(event);
  EXPECT_EQ(event->reason, Reason::kUnknownEndpoint);
  EXPECT_EQ(event->detail, "an EMS told of this certificate until now; it was replaced, or is shared no more");
}

TEST_F(ModuleTest, ASessionEndsWhenItsPathLeadsToOtherServers) {
  auto client = open_websocket();
  auto table = policies();
  table.proxies[0].api_gateways.push_back({.id = 3, .host = "", .url = "/ws", .pool = 1});
  plane_->set_policies(table);
  EXPECT_EQ(get(&device_).status, 200);
  EXPECT_EQ(client->end(), End::kOpen) << "they are the same";
  // The policy would let it in there, too.
  table.proxies[0].api_gateways.push_back({.id = 4, .host = "", .url_pattern = policy::Pattern::kWildcard, .url = "/ws*", .pool = 7});
  plane_->set_policies(table);
  EXPECT_EQ(client->drain(), End::kReset) << nginx_->log();
  const auto event = plane_->wait_event([](const ecshm::Event& e) { return e.type == EventType::kCut; });
  ASSERT_TRUE(event);
  EXPECT_EQ(event->reason, Reason::kNoRealServer);
  EXPECT_EQ(event->detail, "its path leads to other real servers now");
  EXPECT_EQ(event->policy, 11u);
}

}  // namespace
}  // namespace postern::nginx::lab
