// Quarantine is of a device, by whatever name it enrols.
#include "base/hex.h"
#include "ems/core/test_lab.h"
#include "posture/fact_keys.h"
#include "wire/telemetry.pb.h"

namespace postern::ems::testing {
namespace {

/// Enrols as a machine that names only what is given.
class Quarantine : public Lab {
 protected:
  struct Machine {
    std::string machine_id, hardware_uuid, mac;
  };
  void enrol_as(TestAgent& agent, const Machine& machine) {
    wire::EnrolRequest request;
    request.set_code(invite());
    const auto csr = pki::make_request(agent.key);
    request.set_csr_der(std::string(as_text(csr)));
    request.set_host_name("host");
    request.set_machine_id(machine.machine_id);
    request.set_hardware_uuid(machine.hardware_uuid);
    if (const auto mac = MacAddress::parse(machine.mac)) request.add_macs(std::string(as_text(mac->bytes())));
    const auto bytes = request.SerializeAsString();
    core->enrol(clock.now(), *IpAddress::parse("10.0.1.2"), as_bytes(bytes), [&agent](Bytes response) {
      agent.enrolled->ParseFromArray(response.data(), static_cast<int>(response.size()));
    });
    run();
    ASSERT_EQ(agent.enrolled->error_code(), "");
  }
  void quarantine(const TestAgent& agent) {
    core->quarantine(clock.now(), admin, agent.uid(), "looks odd", [](Status) {});
    run();
  }
  void release(const TestAgent& agent) {
    core->unquarantine(clock.now(), admin, agent.uid(), [](Status) {});
    run();
  }
  bool quarantined(const TestAgent& agent) { return core->endpoint(agent.uid())->quarantined; }

  const Machine first{"0123456789abcdef0123456789abcdef", "4c4c4544-0042-3510-8052-b4c04f4b4d31", "02:09:0f:00:01:02"};
  const Machine other{"fedcba9876543210fedcba9876543210", "5d5d5544-0042-3510-8052-b4c04f4b4d32", "02:09:0f:00:01:03"};
};

TEST_F(Quarantine, ASecondAgentOnTheSameMachineIsCaughtByEachMarkAlone) {
  TestAgent a;
  enrol_as(a, first);
  quarantine(a);
  for (const Machine& machine : {Machine{first.machine_id, "", ""}, Machine{"", first.hardware_uuid, ""},
                                 Machine{"", "", first.mac}, Machine{other.machine_id, "", first.mac}}) {
    TestAgent second;  // a new key, a valid invitation; the first one is still registered
    enrol_as(second, machine);
    EXPECT_TRUE(quarantined(second)) << machine.machine_id << machine.hardware_uuid << machine.mac;
    EXPECT_EQ(core->endpoint(second.uid())->quarantine_reason,
              "the same device as quarantined endpoint " + a.uid().str());
  }
  TestAgent stranger;
  enrol_as(stranger, {"", other.hardware_uuid, other.mac});
  EXPECT_FALSE(quarantined(stranger));
}

TEST_F(Quarantine, AnAgentThatIsCarefulWhenItEnrolsIsCaughtByItsFacts) {
  TestAgent a;
  enrol_as(a, first);
  quarantine(a);
  const posture::Interface eth0{"eth0", *MacAddress::parse(first.mac), {*IpAddress::parse("10.0.1.2")}, true};
  for (const auto& [key, value] : std::vector<std::pair<std::string_view, posture::FactValue>>{
           {keys::kMachineId, first.machine_id},
           {keys::kHardwareUuid, first.hardware_uuid},
           {keys::kMacs, std::vector<std::string>{first.mac}},
           // Without it, it would get the address: a claim counts by the hardware address of its interface.
           {keys::kInterfaces, std::vector{eth0}}}) {
    TestAgent second;
    enrol_as(second, {"", "", ""});
    EXPECT_FALSE(quarantined(second)) << key;
    connect(second);
    report(second, {{std::string(key), value}}, true);
    run();
    EXPECT_TRUE(quarantined(second)) << key;
  }
}

TEST_F(Quarantine, OfAClaimantDoesNotTakeTheOneItCopies) {
  TestAgent a, claimant;
  enrol_as(a, first);
  connect(a);
  const auto eth0 = [&](const char* address) {
    return std::vector{posture::Interface{"eth0", *MacAddress::parse(first.mac), {*IpAddress::parse(address)}, true}};
  };
  report(a, {{std::string(keys::kMacs), std::vector<std::string>{first.mac}}, {std::string(keys::kInterfaces), eth0("10.0.1.2")}},
         true);
  run();
  enrol_as(claimant, first);
  quarantine(claimant);
  EXPECT_FALSE(quarantined(a));
  // Nor later, while it stays what it was.
  report(a, {{std::string(keys::kInterfaces), eth0("10.0.1.9")}});
  run();
  EXPECT_FALSE(quarantined(a));
  // What it becomes is looked at.
  report(a, {{std::string(keys::kMacs), std::vector<std::string>{first.mac, other.mac}}});
  run();
  EXPECT_TRUE(quarantined(a));
}

TEST_F(Quarantine, ReleasingADeviceReleasesWhatWasCaughtOnlyBecauseOfIt) {
  TestAgent a, gone, follower, own;
  enrol_as(gone, {first.machine_id, "", ""});
  enrol_as(a, {"", first.hardware_uuid, first.mac});
  enrol_as(own, {"", "", first.mac});
  quarantine(own);
  quarantine(a);
  enrol_as(follower, {"", first.hardware_uuid, ""});
  ASSERT_TRUE(quarantined(follower));
  release(a);
  EXPECT_FALSE(quarantined(a));
  EXPECT_FALSE(quarantined(follower));
  EXPECT_TRUE(quarantined(own));  // for a reason of its own
  // Earlier enrolments that are gone go along, whoever else is in quarantine.
  quarantine(gone);
  core->deregister(clock.now(), admin, gone.uid(), [](Status) {});
  run();
  TestAgent again;
  enrol_as(again, {first.machine_id, "", first.mac});
  ASSERT_TRUE(quarantined(again));
  release(again);
  EXPECT_FALSE(quarantined(again));
  EXPECT_FALSE(quarantined(gone));
  EXPECT_TRUE(quarantined(own));
}

TEST_F(Quarantine, ZerosNameNoDevice) {
  TestAgent a, b;
  enrol_as(a, {"00000000000000000000000000000000", "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF", "00:00:00:00:00:00"});
  enrol_as(b, {"00000000000000000000000000000000", "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF", "00:00:00:00:00:00"});
  quarantine(a);
  EXPECT_FALSE(quarantined(b));
}

TEST_F(Quarantine, IsAFact) {
  TestAgent a;
  join(a);
  const auto quarantined = [&] { return *core->endpoint(a.uid())->facts().at(std::string(keys::kEmsQuarantined)).as<bool>(); };
  EXPECT_FALSE(quarantined());
  core->quarantine(clock.now(), admin, a.uid(), "", nullptr);
  run();
  EXPECT_TRUE(quarantined());
  core->unquarantine(clock.now(), admin, a.uid(), nullptr);
  run();
  EXPECT_FALSE(quarantined());
}

TEST_F(Lab, QuarantineFollowsTheDevice) {
  TestAgent a;
  join(a);
  EXPECT_FALSE(a.last(Frame::kTagState)->tag_state().quarantined());
  core->quarantine(clock.now(), admin, a.uid(), "looks odd", [](Status) {});
  run();
  EXPECT_TRUE(a.last(Frame::kTagState)->tag_state().quarantined());  // its own people are told
  core->unquarantine(clock.now(), admin, a.uid(), [](Status) {});
  run();
  EXPECT_FALSE(a.last(Frame::kTagState)->tag_state().quarantined());
  core->quarantine(clock.now(), admin, a.uid(), "looks odd", [](Status) {});
  core->deregister(clock.now(), admin, a.uid(), [](Status) {});
  run();
  TestAgent again;  // a new key, the same machine
  ASSERT_EQ(enrol(again, invite()), "");
  EXPECT_TRUE(core->endpoint(again.uid())->quarantined);
  core->unquarantine(clock.now(), admin, again.uid(), [](Status) {});
  run();
  EXPECT_FALSE(core->endpoint(again.uid())->quarantined);
  TestAgent third;
  ASSERT_EQ(enrol(third, invite()), "");
  EXPECT_FALSE(core->endpoint(third.uid())->quarantined);
}

}  // namespace
}  // namespace postern::ems::testing
