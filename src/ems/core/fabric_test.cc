#include "ems/core/test_lab.h"
#include "proto/serialize.h"
#include "wire/fabric.pb.h"

namespace postern::ems::testing {
namespace {

using State = proto::FabricStatusInfo::State;

bool data_came(const TestGateway& g) {
  return std::ranges::any_of(g.inbox, [](const wire::FabricFrame& f) {
    return f.has_snapshot_begin() || f.has_delta() || f.has_snapshot_chunk() || f.has_certificate_answer();
  });
}

TEST_F(Lab, AGatewayGetsNothingUntilItIsAuthorisedAndItsKeyIsPinnedThen) {
  TestAgent a;
  join(a, kPort1);
  TestGateway g("PGW0000000000001", 5);
  set_interface(g, kPort1);
  connect(g);
  EXPECT_EQ(g.client.status().state, State::kPending);
  EXPECT_NE(g.client.status().authorise_path.find("PGW0000000000001"), std::string::npos);
  EXPECT_TRUE(g.client.status().ztna_ca_der.empty());
  EXPECT_FALSE(data_came(g));
  // A question that is asked all the same is not answered.
  wire::FabricFrame ask;
  ask.mutable_ask_certificate()->set_sha256(std::string(as_text(a.leaf_sha256())));
  core->fabric_frame(clock.now(), g.session, proto::serialize(ask));
  run();
  EXPECT_FALSE(data_came(g));
  ASSERT_EQ(core->fabric_devices().size(), 1u);
  EXPECT_EQ(core->fabric_devices().front().device.state, DeviceState::kPending);

  EmsCore::DeviceChange wrong;
  wrong.expected_key = Sha256{};
  EXPECT_EQ(authorise(g, wrong).error().code, ErrorCode::kConflict);
  EXPECT_FALSE(data_came(g));
  ASSERT_TRUE(authorise(g));
  EXPECT_EQ(g.client.status().state, State::kAuthorised);
  EXPECT_FALSE(g.client.status().ztna_ca_der.empty());
  EXPECT_TRUE(g.client.synchronised());
  ASSERT_EQ(g.endpoints(), 1u);
  const auto record = g.record(a.uid());
  EXPECT_EQ(record.host_name(), "WIN10-01");
  EXPECT_TRUE(record.online());
  EXPECT_EQ(record.certificates_size(), 1);
  EXPECT_FALSE(record.has_vulnerabilities());
  EXPECT_EQ(record.on_fabric(), wire::FEATURE_UNKNOWN);

  // The same serial number with another key: a conflict, no data, and the right one is not disturbed.
  TestGateway impostor("PGW0000000000001", 6);
  set_interface(impostor, kPort1);
  connect(impostor);
  EXPECT_EQ(impostor.client.status().state, State::kConflict);
  EXPECT_FALSE(data_came(impostor));
  EXPECT_EQ(core->fabric_device(serial_of(g))->device.state, DeviceState::kConflict);
  save_process_tag();
  EXPECT_EQ(g.client.view().tags().size(), 2u);
  EXPECT_FALSE(data_came(impostor));
  EXPECT_NE(std::ranges::find(alerts, "fabric.conflict"), alerts.end());

  // Whatever the impostor offers last: the authorised key can be taken back and given again.
  EmsCore::DeviceChange refused;
  refused.authorized = false;
  core->change_device(clock.now(), admin, serial_of(g), refused, [](Status s) { EXPECT_TRUE(s); });
  run();
  EXPECT_EQ(g.client.status().state, State::kRefused);
  EmsCore::DeviceChange compared;
  compared.expected_key = g.identity.key.public_key_sha256();
  ASSERT_TRUE(authorise(g, compared));
  EXPECT_EQ(g.client.status().state, State::kAuthorised);
  EXPECT_EQ(core->fabric_device(serial_of(g))->device.pinned_key, compared.expected_key);
  EXPECT_FALSE(data_came(impostor));
}

TEST_F(Lab, ATagWhoseKindChangesEntersAndLeavesTheRecordsOfThoseWhoDidNotSeeIt) {
  const auto save = [&](const char* kind) {
    save_tag(std::string(R"({"name":"Linux","kind":")") + kind +
             R"(","rules":[{"id":1,"os":"linux","type":"ems-management"}]})");
  };
  save("classification");
  TestAgent a;
  join(a, kPort1);
  TestGateway g("PGW0000000000001", 5);  // sees security posture tags only
  ASSERT_TRUE(join(g));
  ASSERT_TRUE(a.tags().contains("Linux"));
  EXPECT_EQ(g.record(a.uid()).tags_size(), 1);  // all_registered_clients
  save("security");
  EXPECT_EQ(g.record(a.uid()).tags_size(), 2);
  EXPECT_EQ(g.client.view().tags().size(), 2u);
  save("classification");
  EXPECT_EQ(g.record(a.uid()).tags_size(), 1);
  EXPECT_EQ(g.client.view().tags().size(), 1u);
}

TEST_F(Lab, InterfacesThatCouldNotBeStoredAreAskedForAgain) {
  TestAgent a;
  join(a, kPort1);
  TestGateway g("PGW0000000000001", 5);
  ASSERT_TRUE(join(g, "02:00:00:00:00:77"));
  EXPECT_EQ(g.endpoints(), 0u);
  store.fail_commits(Error{ErrorCode::kResourceExhausted, "the disk is full"});
  set_interface(g, kPort1);
  run();
  EXPECT_EQ(g.session, 0u);  // sent away, to say it again
  store.fail_commits(std::nullopt);
  connect(g);
  EXPECT_TRUE(g.client.synchronised());
  EXPECT_EQ(g.endpoints(), 1u);
}

TEST_F(Lab, ChangesTravelAsDeltasAndADisconnectedGatewayGoesOnWhereItStood) {
  save_process_tag();
  TestAgent a;
  join(a, kPort1);
  TestGateway g("PGW0000000000001", 5);
  ASSERT_TRUE(join(g));
  const auto snapshots = g.client.counters().snapshots;
  const auto id = core->engine().id_of("Has-sshd");
  EXPECT_EQ(g.record(a.uid()).unknown_tags(0), id);
  report(a, {{keys::process_running("sshd"), true}});
  run();
  EXPECT_EQ(g.record(a.uid()).tags_size(), 2);

  disconnect(g);
  report(a, {{keys::process_running("sshd"), false}});
  save_process_tag("Second");
  connect(g);
  EXPECT_TRUE(g.client.synchronised());
  EXPECT_EQ(g.record(a.uid()).tags_size(), 1);
  EXPECT_EQ(g.client.view().tags().size(), 3u);
  EXPECT_EQ(g.client.counters().snapshots, snapshots);

  // Nothing changed while the EMS restarted: still no snapshot, although it forgot what it had sent.
  restart();
  connect(g);
  EXPECT_TRUE(g.client.synchronised());
  EXPECT_EQ(g.client.counters().snapshots, snapshots);
  // Something did: a snapshot, and it removes what is not listed.
  core->deregister(clock.now(), admin, a.uid(), [](Status) {});
  run();
  EXPECT_TRUE(g.record(a.uid()).blocked()) << "so that the gateway can say why its sessions end";
  core->remove_endpoint(clock.now(), admin, a.uid(), [](Status) {});
  run();
  EXPECT_EQ(g.endpoints(), 0u);
  disconnect(g);
  TestAgent b;
  join(b, kPort1);
  restart();
  connect(g);
  EXPECT_TRUE(g.client.synchronised());
  EXPECT_EQ(g.endpoints(), 1u);
  EXPECT_EQ(g.client.counters().snapshots, snapshots + 1);
  EXPECT_EQ(g.client.counters().mismatches, 0u);
}

TEST_F(Lab, AGatewayWhoseViewIsWrongGetsASnapshot) {
  TestAgent a;
  join(a, kPort1);
  TestGateway g("PGW0000000000001", 5);
  ASSERT_TRUE(join(g));
  disconnect(g);
  proto::View wrong;
  wrong.upsert(EndpointUid(std::string(32, 'F')), "what was never sent");
  g.client.restore(core->status().epoch, core->revision(), wrong);
  connect(g);
  EXPECT_TRUE(g.client.synchronised());
  EXPECT_EQ(g.endpoints(), 1u);
  EXPECT_EQ(g.client.counters().snapshots, 2u);
}

TEST_F(Lab, ShareModesDecideWhoSeesWhom) {
  TestAgent near, far;
  join(near, kPort1);
  join(far, "02:00:00:00:00:99");
  TestGateway g("PGW0000000000001", 5), h("PGW0000000000002", 6);
  set_interface(g, kPort1);
  set_interface(h, "02:00:00:00:00:99");
  connect(g);
  connect(h);
  ASSERT_TRUE(authorise(g));
  ASSERT_TRUE(authorise(h));
  EXPECT_EQ(g.endpoints(), 1u);
  EXPECT_NE(g.client.view().find(near.uid()), nullptr);
  EXPECT_EQ(h.endpoints(), 1u);
  const auto change = [&](EmsCore::DeviceChange c) {
    Status out;
    core->change_device(clock.now(), admin, serial_of(g), std::move(c), [&](Status s) { out = s; });
    run();
    ASSERT_TRUE(out) << out.error().message;
  };
  EmsCore::DeviceChange all;
  all.endpoint_sharing = EndpointSharing::kAll;
  change(all);
  EXPECT_EQ(g.endpoints(), 2u);
  EXPECT_EQ(h.endpoints(), 1u);
  EmsCore::DeviceChange back;
  back.endpoint_sharing = EndpointSharing::kConnected;
  change(back);
  EXPECT_EQ(g.endpoints(), 1u);
  EmsCore::DeviceChange selected;
  selected.endpoint_sharing = EndpointSharing::kSelected;
  selected.selected = std::vector{serial_of(h)};
  change(selected);
  EXPECT_EQ(g.endpoints(), 2u);
  // The other gateway's interface changes: who is behind it changes for both.
  set_interface(h, "02:00:00:00:00:98");
  run();
  EXPECT_EQ(h.endpoints(), 0u);
  EXPECT_EQ(g.endpoints(), 1u);
  EXPECT_TRUE(g.client.synchronised());
  EXPECT_EQ(g.client.counters().mismatches, 0u);
}

TEST_F(Lab, TagKindsThatAreNotSharedDoNotTravel) {
  save_tag(R"({"name":"Important","kind":"classification","rules":[{"id":1,"os":"linux","type":"ems-management"}]})");
  TestAgent a;
  join(a, kPort1);
  TestGateway g("PGW0000000000001", 5);
  ASSERT_TRUE(join(g));
  EXPECT_EQ(g.client.view().tags().size(), 1u);
  EXPECT_EQ(g.record(a.uid()).tags_size(), 1);
  EmsCore::DeviceChange change;
  change.tag_kinds = std::vector{posture::TagKind::kSecurity, posture::TagKind::kClassification};
  core->change_device(clock.now(), admin, serial_of(g), change, [](Status) {});
  run();
  EXPECT_EQ(g.client.view().tags().size(), 2u);
  EXPECT_EQ(g.record(a.uid()).tags_size(), 2);
}

TEST_F(Lab, ACertificateThatAGatewayMetBringsItsEndpointUntilItIsReleased) {
  TestAgent far;
  join(far, "02:00:00:00:00:99");
  TestGateway g("PGW0000000000001", 5);
  ASSERT_TRUE(join(g));
  EXPECT_EQ(g.endpoints(), 0u);
  const auto answer = [&](const Sha256& leaf) {
    g.answers.clear();
    EXPECT_NE(g.client.ask_certificate(leaf), 0u);
    run();
    EXPECT_EQ(g.answers.size(), 1u);
    return g.answers.empty() ? proto::fabric::Answer::State::kBusy : g.answers.front().state;
  };
  using proto::fabric::Answer;
  EXPECT_EQ(answer(Sha256{1}), Answer::State::kUnknown);
  // Who only wants to know is told, and gets no record.
  g.answers.clear();
  g.client.inquire_certificate(far.leaf_sha256());
  run();
  ASSERT_EQ(g.answers.size(), 1u);
  EXPECT_EQ(g.answers[0].state, Answer::State::kFound);
  EXPECT_EQ(g.answers[0].uid, far.uid());
  EXPECT_EQ(g.endpoints(), 0u);
  EXPECT_EQ(answer(far.leaf_sha256()), Answer::State::kFound);
  EXPECT_NE(g.client.view().find(far.uid()), nullptr);
  // Asked endpoints survive a reconnect, and what happens to them travels.
  disconnect(g);
  connect(g);
  ASSERT_EQ(g.endpoints(), 1u);
  core->quarantine(clock.now(), admin, far.uid(), "", [](Status) {});
  run();
  EXPECT_TRUE(g.record(far.uid()).quarantined());
  core->deregister(clock.now(), admin, far.uid(), [](Status) {});
  run();
  EXPECT_TRUE(g.record(far.uid()).blocked());
  EXPECT_EQ(g.record(far.uid()).tags_size(), 0);
  EXPECT_EQ(answer(far.leaf_sha256()), Answer::State::kRevoked);
  g.client.release(far.uid());
  run();
  EXPECT_EQ(g.endpoints(), 0u);
  EXPECT_TRUE(g.client.synchronised());
  // Asked for once more it comes again, blocked: the gateway refuses it for what it is.
  EXPECT_EQ(answer(far.leaf_sha256()), Answer::State::kRevoked);
  EXPECT_TRUE(g.record(far.uid()).blocked());
  disconnect(g);
  connect(g);
  EXPECT_TRUE(g.record(far.uid()).blocked());
  g.client.release(far.uid());
  run();
  EXPECT_EQ(g.endpoints(), 0u);
  EXPECT_EQ(g.client.counters().mismatches, 0u);
}

TEST_F(Lab, WhoIsRefusedIsForgottenAtGatewaysWhenItsLastCertificateHasExpired) {
  TestGateway near("PGW0000000000001", 5), asking("PGW0000000000002", 6);
  ASSERT_TRUE(join(near));
  ASSERT_TRUE(join(asking, "02:00:00:00:00:77"));
  TestAgent a;
  join(a);
  asking.client.ask_certificate(a.leaf_sha256());
  run();
  ASSERT_EQ(asking.endpoints(), 1u);
  const auto expires = core->endpoint(a.uid())->certificates.front().not_after;
  core->revoke_certificates(clock.now(), admin, a.uid(), nullptr);
  run();
  const auto jump = [&](WallTime to) {
    clock.advance(to - clock.now().wall);
    core->tick(clock.now());
    run();
  };
  jump(expires - Millis(1));
  EXPECT_TRUE(near.record(a.uid()).blocked());
  EXPECT_TRUE(asking.record(a.uid()).blocked());
  jump(expires);
  EXPECT_EQ(near.endpoints() + asking.endpoints(), 0u);
  EXPECT_TRUE(near.client.synchronised() && asking.client.synchronised());
  EXPECT_EQ(near.client.counters().mismatches, 0u);
  ASSERT_NE(core->endpoint(a.uid()), nullptr) << "the EMS knows it on, and its key does not enrol";
  EXPECT_EQ(enrol(a, invite()), "permission_denied");
  // Nor does it come back with a new connection, or with a new process here.
  disconnect(near);
  restart();
  connect(near);
  core->tick(clock.now());
  run();
  EXPECT_EQ(near.endpoints(), 0u);
  // Who is registered is no matter of its certificates' ends: an expired one says why it is refused.
  TestAgent other;
  join(other);
  jump(core->endpoint(other.uid())->certificates.front().not_after + kDay);
  EXPECT_FALSE(near.record(other.uid()).blocked());
  EXPECT_EQ(near.record(other.uid()).certificates_size(), 1);
}

TEST_F(Lab, WithdrawingTheAuthorisationEndsTheData) {
  TestAgent a;
  join(a, kPort1);
  TestGateway g("PGW0000000000001", 5);
  ASSERT_TRUE(join(g));
  EmsCore::DeviceChange change;
  change.authorized = false;
  core->change_device(clock.now(), admin, serial_of(g), change, [](Status) {});
  run();
  EXPECT_EQ(g.client.status().state, State::kRefused);
  g.inbox.clear();
  report(a, {{keys::process_running("sshd"), true}});
  run();
  EXPECT_FALSE(data_came(g));
}

TEST_F(Lab, AWholeFleetTravelsInChunksAndStaysInStep) {
  TestGateway g("PGW0000000000001", 5);
  ASSERT_TRUE(join(g));
  const auto code = invite(300);
  std::vector<std::unique_ptr<TestAgent>> agents;
  for (int i = 0; i < 200; ++i) {
    agents.push_back(std::make_unique<TestAgent>());
    ask_enrol(*agents.back(), code, "machine-" + std::to_string(i));
  }
  run();
  EmsCore::DeviceChange all;
  all.endpoint_sharing = EndpointSharing::kAll;
  core->change_device(clock.now(), admin, serial_of(g), all, [](Status) {});
  run();
  EXPECT_EQ(g.endpoints(), 200u);
  g.client.forget();
  disconnect(g);
  connect(g);
  EXPECT_EQ(g.endpoints(), 200u);
  save_process_tag();
  for (const auto& agent : agents) EXPECT_EQ(g.record(agent->uid()).unknown_tags_size(), 1);
  EXPECT_TRUE(g.client.synchronised());
  EXPECT_EQ(g.client.counters().mismatches, 0u);
}

TEST_F(Lab, BrokenGatewayFramesEndTheConnection) {
  TestGateway g("PGW0000000000001", 5);
  connect(g);
  wire::FabricFrame frame;
  frame.mutable_hello()->set_serial("PGW0000000000001");
  core->fabric_frame(clock.now(), g.session, proto::serialize(frame));
  run();
  EXPECT_EQ(g.session, 0u);
  // A certificate that names no gateway.
  TestGateway odd("SOMETHING", 9);
  connect(odd);
  EXPECT_EQ(odd.session, 0u);
  EXPECT_EQ(core->fabric_devices().size(), 1u);
}

TEST_F(Lab, WhatAGatewaysProxiesDidIsKnownWhileItIsConnectedAndHasSaidSo) {
  TestGateway g("PGW0000000000001", 5);
  const auto report = [&] { return core->fabric_device(serial_of(g))->report; };
  const auto tick = [&] {
    clock.advance(std::chrono::seconds(1));
    g.client.on_tick(clock.now());
    run();
  };
  g.client.set_usage({2, 30, 4, 1, 0, clock.now().wall});
  const auto since = clock.now().wall;
  connect(g);
  // Said although it is not authorised: not listened to.
  wire::FabricFrame early;
  early.mutable_session_report()->set_live_sessions(99);
  core->fabric_frame(clock.now(), g.session, proto::serialize(early));
  run();
  EXPECT_FALSE(report());
  ASSERT_TRUE(authorise(g));
  EXPECT_FALSE(report());
  tick();
  ASSERT_TRUE(report());
  EXPECT_EQ(report()->live_sessions, 2u);
  EXPECT_EQ(report()->allowed, 30u);
  EXPECT_EQ(report()->denied, 4u);
  EXPECT_EQ(report()->cut, 1u);
  EXPECT_EQ(report()->counted_since, since);
  EXPECT_EQ(report()->reported_at, clock.now().wall);
  g.client.set_usage({0, 31, 4, 2, 0, since});
  tick();
  EXPECT_EQ(report()->live_sessions, 0u);
  EXPECT_EQ(report()->cut, 2u);
  // Another key under its serial number says nothing in its name.
  TestGateway impostor("PGW0000000000001", 6);
  impostor.client.set_usage({77, 0, 0, 0, 0, since});
  connect(impostor);
  impostor.client.on_tick(clock.now());
  run();
  ASSERT_TRUE(report());
  EXPECT_EQ(report()->live_sessions, 0u);
  // Nobody knows what it does while it is away.
  disconnect(g);
  run();
  EXPECT_FALSE(report());
  EXPECT_NE(core->fabric_device(serial_of(g))->last_contact, WallTime());
  connect(g);
  tick();
  EXPECT_TRUE(report());
  EmsCore::DeviceChange refused;
  refused.authorized = false;
  core->change_device(clock.now(), admin, serial_of(g), refused, [](Status) {});
  run();
  EXPECT_FALSE(report());
}

}  // namespace
}  // namespace postern::ems::testing
