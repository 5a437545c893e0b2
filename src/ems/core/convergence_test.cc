// Whatever happens in whatever order: what was acknowledged is there after a crash, and a gateway that followed deltas
// holds what one that starts from nothing gets.
#include "ems/core/test_lab.h"
#include "wire/fabric.pb.h"

namespace postern::ems::testing {
namespace {

class Convergence : public Lab, public ::testing::WithParamInterface<int> {
 protected:
  /// What the gateway followed is what it would get if it began from nothing.
  void fresh_copy_agrees(TestGateway& gateway) {
    ASSERT_TRUE(gateway.client.synchronised());
    const auto followed = gateway.client.view().digest();
    EXPECT_EQ(gateway.client.counters().mismatches, 0u);
    const auto asked = gateway.client.asked();
    disconnect(gateway);
    gateway.client.forget();
    for (const auto& uid : asked) gateway.client.keep_asked(uid);
    connect(gateway);
    ASSERT_TRUE(gateway.client.synchronised());
    EXPECT_EQ(gateway.client.view().digest(), followed);
  }
};

INSTANTIATE_TEST_SUITE_P(Seeds, Convergence, ::testing::Range(1, 26));

TEST_P(Convergence, AgreesAfterFaultsOfEveryKind) {
  SeededRandom dice(static_cast<std::uint64_t>(GetParam()));
  const std::vector<std::string> macs{"02:00:00:00:00:01", "02:00:00:00:00:02"};
  const std::vector<std::string> processes{"sshd", "cron", "nginx"};
  const auto process_tag = [&](const std::string& process, bool negate) {
    save_tag(R"({"name":"Runs-)" + process + R"(","rules":[{"id":1,"os":"linux","type":"running-process","negate":)" +
             (negate ? "true" : "false") + R"(,"processes":[")" + process + R"("]}]})");
  };
  std::vector<std::unique_ptr<TestAgent>> agents;
  for (int i = 0; i < 6; ++i) {
    agents.push_back(std::make_unique<TestAgent>());
    join(*agents.back(), macs[dice.below(2)]);
  }
  TestGateway g("PGW0000000000001", 5), h("PGW0000000000002", 6);
  set_interface(g, macs[0]);
  set_interface(h, macs[1]);
  connect(g);
  connect(h);
  ASSERT_TRUE(authorise(g));
  ASSERT_TRUE(authorise(h));
  /// What each agent was told is durable.
  std::map<TestAgent*, std::map<std::string, bool>> acknowledged;
  int failures = 0, restarts = 0, cuts = 0;

  for (int step = 0; step < 120; ++step) {
    auto& agent = *agents[dice.below(agents.size())];
    switch (dice.below(12)) {
      case 0: process_tag(processes[dice.below(3)], dice.below(2) == 0); break;
      case 1: {
        const auto name = "Runs-" + processes[dice.below(3)];
        if (core->tag(name) != nullptr) core->delete_tag(clock.now(), admin, name, [](Status) {});
        run();
        break;
      }
      case 2: ++restarts; restart(); break;
      case 3: ++cuts; if (g.session != 0) disconnect(g); break;
      case 4: {
        EmsCore::DeviceChange change;
        change.endpoint_sharing = static_cast<EndpointSharing>(dice.below(3));
        change.selected = std::vector{GatewaySerial("PGW0000000000002")};
        core->change_device(clock.now(), admin, serial_of(g), change, [](Status) {});
        run();
        break;
      }
      case 5: if (g.session != 0) g.client.ask_certificate(agent.leaf_sha256()); run(); break;
      case 6: {
        if (dice.below(2) == 0) {
          core->quarantine(clock.now(), admin, agent.uid(), "", [](Status) {});
        } else {
          core->unquarantine(clock.now(), admin, agent.uid(), [](Status) {});
        }
        run();
        break;
      }
      case 7: {  // everything in flight is lost, on a full disk
        ++failures;
        store.fail_commits(Error{ErrorCode::kResourceExhausted, "the disk is full"});
        if (agent.session != 0) {
          report(agent, {{keys::process_running("sshd"), dice.below(2) == 0}});
          run();
          EXPECT_TRUE(agent.closed);
        }
        store.fail_commits(std::nullopt);
        break;
      }
      default: {
        if (agent.session == 0) {
          agent.run = dice.next_u64();
          agent.seq = 0;
          connect(agent);
          ASSERT_FALSE(agent.closed);
        }
        const auto process = processes[dice.below(3)];
        const bool running = dice.below(2) == 0;
        const bool full = agent.seq == 0;
        std::vector<std::pair<std::string, posture::FactValue>> facts;
        if (full) {
          acknowledged[&agent].clear();
          const posture::Route route{"eth0", *IpAddress::parse("10.0.1.1"), *MacAddress::parse(macs[dice.below(2)]),
                                     *IpAddress::parse("10.0.1.2"), false, 0};
          facts = {{std::string(keys::kOsFamily), std::string("linux")},
                   {std::string(keys::kRoutes), std::vector{route}}};
        }
        facts.emplace_back(keys::process_running(process), running);
        report(agent, facts, full);
        if (dice.below(4) == 0) {  // killed before the commit: never acknowledged
          restart();
          break;
        }
        run();
        ASSERT_EQ(agent.acked(), agent.seq);
        acknowledged[&agent][process] = running;
        break;
      }
    }
    if (g.session == 0 && dice.below(3) == 0) connect(g);
    if (h.session == 0) connect(h);
    clock.advance(std::chrono::milliseconds(dice.below(3000)));
    core->tick(clock.now());
    run();
    if (step % 10 == 0) {
      for (auto* gateway : {&g, &h}) {
        if (gateway->session != 0) fresh_copy_agrees(*gateway);
      }
    }
  }

  // Once more, so that the last steps were followed and not fetched.
  if (g.session == 0) connect(g);
  process_tag("sshd", false);
  EmsCore::DeviceChange change;
  change.endpoint_sharing = EndpointSharing::kAll;
  core->change_device(clock.now(), admin, serial_of(h), change, [](Status) {});
  run();
  for (auto* gateway : {&g, &h}) {
    fresh_copy_agrees(*gateway);
  }
  restart();
  for (auto& agent : agents) {
    if (core->endpoint(agent->uid()) == nullptr) continue;
    const auto& e = *core->endpoint(agent->uid());
    for (const auto& [process, running] : acknowledged[agent.get()]) {
      EXPECT_EQ(e.known<bool>(keys::process_running(process)), running);
    }
    EXPECT_EQ(e.tags(), core->engine().evaluate_all({e.facts(), clock.now()}));
  }
  EXPECT_GT(failures + restarts + cuts, 0);
}

}  // namespace
}  // namespace postern::ems::testing
