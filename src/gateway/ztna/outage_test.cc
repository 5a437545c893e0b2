// What an outage leaves of each kind of policy: the core, ec-shm as nginx's workers read it, and the decision, on one clock.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "ecshm/reader.h"
#include "ecshm/writer.h"
#include "gateway/core/gateway_core_lab.h"
#include "gateway/core/view_cache.h"
#include "gateway/ztna/shm_actions.h"
#include "policy/compile.h"
#include "policy/decide.h"

namespace postern::gateway {
namespace {

using std::chrono::milliseconds;

class OutageTest : public GatewayCoreLab {
 protected:
  struct Verdicts {
    bool demands = false, forbids = false, without = false, resolved = false;
    friend bool operator==(const Verdicts&, const Verdicts&) = default;
  };

  void SetUp() override {
    char name[] = "/tmp/postern-outage-XXXXXX";
    dir_ = mkdtemp(name);
    connect();
    ems_.upsert(endpoint({495}));
    last_contact_ = clock_.now();
    begin(core_);
  }
  void TearDown() override {
    writer_.reset();
    std::filesystem::remove_all(dir_);
  }

  /// A process with this core begins: a table of its own, filled from the core.
  void begin(GatewayCore& core) {
    running_ = &core;
    writer_.reset();
    auto writer = ecshm::Writer::create(dir_);
    ASSERT_TRUE(writer) << writer.error().message;
    writer_ = std::move(*writer);
    std::set<std::string> names;
    for (const auto& [tag, entry] : core.tags().entries()) names.insert(tag);
    core.set_policy_tags(names);
    core.on_tick(clock_.now());
    carry();
    policy::PolicyTable table;
    for (std::uint32_t p = 1; p <= 3; ++p) {
      policy::Proxy proxy;
      proxy.id = p;
      proxy.name = "p" + std::to_string(p);
      policy::ApiGateway gateway;
      gateway.id = gateway.pool = 1;
      proxy.api_gateways.push_back(gateway);
      table.proxies.push_back(proxy);
      policy::Policy one;
      one.id = p * 10;
      one.proxies = {p};
      one.action = p == 2 ? policy::Action::kDeny : policy::Action::kAccept;
      if (p == 1) one.tags = {bit_of(495)};
      if (p == 2) one.tags = {bit_of(70)};
      table.policies.push_back(one);
    }
    policy::Policy rest;  // behind what is forbidden, everybody is let in
    rest.id = 21;
    rest.proxies = {2};
    rest.action = policy::Action::kAccept;
    table.policies.push_back(rest);
    const auto blob = policy::compile(table);
    ASSERT_TRUE(blob) << blob.error().message;
    ASSERT_TRUE(writer_->publish());
    ASSERT_TRUE(writer_->publish_policies(*blob));
  }
  std::uint16_t bit_of(std::uint32_t tag) const {
    const auto bit = running_->tags().bit_of(1, tag);
    EXPECT_TRUE(bit);
    return static_cast<std::uint16_t>(bit.value_or(0));
  }
  void carry() {
    for (const auto& action : running_->take_actions()) {
      const auto done = apply_to_shm(*writer_, action);
      EXPECT_TRUE(done) << done.error().message;
    }
  }
  /// The gateway runs, and its EMS says nothing.
  void run_for(milliseconds time) {
    for (milliseconds gone{0}; gone < time; gone += milliseconds(100)) {
      clock_.advance(milliseconds(100));
      running_->on_tick(clock_.now());
      carry();
    }
  }
  /// It doesn't: nothing is renewed.
  void stand_for(milliseconds time) { clock_.advance(time); }

  /// Another process takes up what this one kept.
  void restart() {
    CachedView kept;
    kept.view = core_.connectors().at(1).client->view();
    kept.contact = last_contact_;
    kept.boot_id = "boot";
    again_ = std::make_unique<GatewayCore>(
        proto::FabricIdentity{GatewaySerial("PGW0123456789ABC"), "gw", "0.1", ""}, random_);
    again_->set_interfaces({{"port1", kGatewayMac, {{ip("10.0.1.1"), 24}}}});
    again_->set_neighbour({"port1", ip("10.0.1.2")}, {Neighbour::State::kPresent, kEndpointMac});
    again_->set_connectors(clock_.now(), {{1, true, "EMS", "10.0.2.10", 8443, Seconds(180), {}}});
    again_->restore(1, 1, 11, kept.view, cached_view_deadline(kept, clock_.now(), "boot", Seconds(180)));
    begin(*again_);
  }

  Verdicts look() {
    ecshm::Reader reader(dir_.string());
    reader.refresh(true);
    EXPECT_EQ(reader.problem(), "");
    const auto found = reader.find(leaf('a'), clock_.now().mono);
    Verdicts out;
    bool* const each[] = {&out.demands, &out.forbids, &out.without};
    for (std::uint32_t p = 1; p <= 3; ++p) {
      policy::RequestContext request;
      request.proxy = p;
      request.certificate = policy::Certificate::kVerified;
      request.certificate_not_after = clock_.now().wall + Seconds(86'400);
      request.host = "app.example.org";
      request.path = "/";
      request.source = ip("10.0.1.2");
      request.now = clock_.now().wall;
      *each[p - 1] = policy::decide(reader.policies(), found.state, request).allow;
    }
    out.resolved = !running_->addresses().empty();
    return out;
  }
  void row(const char* what, const Verdicts& want) {
    const auto got = look();
    const auto word = [](bool yes) { return yes ? "passes" : "denied"; };
    std::printf("| %-62s | %-11s | %-11s | %-9s | %-8s |\n", what, word(got.demands), word(got.forbids), word(got.without),
                got.resolved ? "yes" : "no");
    EXPECT_EQ(got, want) << what;
  }
  static void head() {
    std::printf("Outage contract, out-of-sync-threshold 180 s, lease 5 s\n| %-62s | demands tag | forbids tag | no tag    | address  |\n",
                "");
  }

  static constexpr Verdicts kValid{true, true, true, true};
  /// Nothing passes that asks about a tag, either way.
  static constexpr Verdicts kClosed{false, false, true, false};
  static constexpr Verdicts kClosedByLease{false, false, true, true};  // the kernel's own lease closes by address

  std::filesystem::path dir_;
  std::unique_ptr<ecshm::Writer> writer_;
  std::unique_ptr<GatewayCore> again_;
  GatewayCore* running_ = nullptr;
  Now last_contact_{};
};

TEST_F(OutageTest, TheEmsIsAway) {
  head();
  row("EMS heard", kValid);
  core_.on_disconnected(clock_.now(), 1, "gone");
  run_for(Seconds(179));
  row("EMS away for 179 s", kValid);
  run_for(Seconds(2));
  row("EMS away for 181 s", kClosed);
}

TEST_F(OutageTest, TheGatewayIsAway) {
  head();
  stand_for(milliseconds(4'900));
  row("gateway killed or standing still for 4.9 s", kValid);
  stand_for(milliseconds(200));
  row("gateway killed or standing still for 5.1 s", kClosedByLease);
}

TEST_F(OutageTest, TheGatewayIsRestartedInTheMiddleOfTheThreshold) {
  head();
  run_for(Seconds(100));
  stand_for(Seconds(10));
  restart();
  row("EMS away, gateway restarted after 110 s: at once", kValid);
  run_for(Seconds(69));
  row("... 179 s after the EMS was heard", kValid);
  run_for(Seconds(2));
  row("... 181 s after the EMS was heard", kClosed);
}

TEST_F(OutageTest, TheGatewayIsRestartedBehindTheThreshold) {
  head();
  stand_for(Seconds(200));
  restart();
  row("EMS away, gateway restarted after 200 s: at once", kClosed);
  const auto& connector = running_->connectors().at(1);
  ASSERT_TRUE(connector.valid_until);
  EXPECT_EQ(*connector.valid_until, last_contact_.mono + Seconds(180)) << "what \"Stale since\" is told from";
}

}  // namespace
}  // namespace postern::gateway
