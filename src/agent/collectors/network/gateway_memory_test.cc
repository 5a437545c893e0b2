#include "agent/collectors/network/gateway_memory.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "agent/collectors/network/rtnetlink_test.h"

namespace postern::agent {
namespace {

using namespace std::chrono_literals;

constexpr const char* kCard = "02:00:00:00:00:02";
constexpr const char* kMac = "02:09:0f:00:01:01";
constexpr const char* kOther = "02:09:0f:00:01:99";

Bytes there(const char* mac = kMac) { return neighbour(2, "10.0.1.1", mac); }
Bytes gone() { return neighbour(2, "10.0.1.1", kMac, 0, RTM_DELNEIGH); }
Bytes in_state(std::uint16_t state) { return neighbour(2, "10.0.1.1", kMac, state); }
Bytes eth0(unsigned flags, std::uint32_t falls = 0) { return link(2, "eth0", kCard, flags, "", RTM_NEWLINK, falls); }
Bytes up(std::uint32_t falls = 0) { return eth0(IFF_UP | IFF_RUNNING, falls); }

/// A table, what is remembered of it, and the gateway that would be reported.
struct World {
  NetworkTable table;
  GatewayMemory memory;
  ManualClock clock;

  World() { fill(); }
  void fill() {
    for (const auto& m : {up(), address(2, "10.0.1.2"), default_route(2, "10.0.1.1"), there()}) table.apply(m);
  }
  void hear(const std::vector<Bytes>& messages) {
    for (const auto& m : messages) table.apply(m);
  }
  void routes_are(const std::vector<Bytes>& routes) {
    table.clear_routes();
    hear(routes);
  }
  std::string report() {
    const auto routes = table.routes(memory.keep(table, table.take_fallen(), clock.now().mono));
    if (routes.empty()) return "no route";
    return routes[0].gateway_mac.valid() ? routes[0].gateway_mac.str() : "unknown";
  }
};

struct Step {
  std::function<void(World&)> what;
  const char* reported;
};
struct Case {
  const char* name;
  std::vector<Step> steps;
};

Step hears(std::vector<Bytes> messages, const char* reported) {
  return {[messages = std::move(messages)](World& w) { w.hear(messages); }, reported};
}
Step after(std::chrono::milliseconds time, const char* reported) {
  return {[time](World& w) { w.clock.advance(time); }, reported};
}

TEST(GatewayMemory, KeepsWhatVanishedForAMomentAndNothingElse) {
  const auto grace = std::chrono::milliseconds(kGatewayGrace);
  const Case cases[] = {
      {"vanished", {hears({gone()}, kMac)}},
      {"asked for anew", {hears({in_state(NUD_INCOMPLETE)}, kMac)}},
      {"failed", {hears({in_state(NUD_FAILED)}, kMac)}},
      {"back within the grace, which begins anew", {hears({gone()}, kMac), after(grace - 1ms, kMac),
        hears({there()}, kMac), after(1h, kMac), hears({gone()}, kMac), after(grace - 1ms, kMac)}},
      {"what happens meanwhile does not prolong it", {hears({gone()}, kMac), after(grace - 1ms, kMac),
        hears({in_state(NUD_INCOMPLETE)}, kMac), hears({in_state(NUD_FAILED)}, kMac), after(1ms, "unknown")}},
      {"over", {hears({gone()}, kMac), after(grace, "unknown"), hears({in_state(NUD_FAILED)}, "unknown"),
        hears({there()}, kMac)}},
      {"another answers", {hears({gone()}, kMac), hears({there(kOther)}, kOther), hears({gone()}, kOther)}},
      {"another at once", {hears({there(kOther)}, kOther)}},
      {"another gateway", {{[](World& w) { w.routes_are({default_route(2, "10.0.1.9")}); }, "unknown"},
        {[](World& w) { w.hear({gone()}); w.routes_are({default_route(2, "10.0.1.1")}); }, "unknown"}}},
      {"another interface", {{[](World& w) {
        w.hear({gone(), link(3, "eth1", "02:00:00:00:00:03"), address(3, "10.0.1.3")});
        w.routes_are({default_route(3, "10.0.1.1")}); }, "unknown"}}},
      {"the route is made anew", {hears({gone()}, kMac),
        {[](World& w) { w.routes_are({default_route(2, "10.0.1.1")}); }, kMac}}},
      {"the link goes down", {hears({gone(), eth0(IFF_UP)}, "no route"), hears({up()}, "unknown")}},
      {"the link is down for a moment", {hears({gone(), eth0(0), up()}, "unknown")}},
      {"the link was down unseen", {hears({gone(), up(1)}, "unknown")}},
      {"the link is told of anew", {hears({gone(), up()}, kMac)}},
      {"another link of this name", {hears({gone(), link(2, "eth0", kCard, 0, "", RTM_DELLINK), up()}, "unknown")}},
      {"all is read anew", {{[](World& w) { w.table.clear(); w.fill(); w.hear({gone()}); }, kMac}}},
      {"all is read anew after the link was down", {{[](World& w) {
        w.hear({eth0(0)}); w.table.clear(); w.fill(); w.hear({gone()}); }, "unknown"}}},
      {"another table", {{[](World& w) { w.table = NetworkTable(); w.fill(); w.hear({gone()}); }, kMac}}},
  };
  for (const auto& one : cases) {
    World world;
    ASSERT_EQ(world.report(), kMac) << one.name;
    for (std::size_t i = 0; i < one.steps.size(); ++i) {
      one.steps[i].what(world);
      EXPECT_EQ(world.report(), one.steps[i].reported) << one.name << ", step " << i;
    }
  }
}

TEST(GatewayMemory, SaysUntilWhenItKeeps) {
  World world;
  world.report();
  EXPECT_FALSE(world.memory.until());
  world.hear({gone()});
  world.report();
  const auto end = world.clock.now().mono + kGatewayGrace;
  EXPECT_EQ(world.memory.until(), end);
  world.clock.advance(1s);
  world.report();
  EXPECT_EQ(world.memory.until(), end);
  world.hear({there()});
  world.report();
  EXPECT_FALSE(world.memory.until());
}

}  // namespace
}  // namespace postern::agent
