#include "ems/core/test_lab.h"
#include "posture/tag_json.h"
#include "proto/fact_codec.h"
#include "proto/serialize.h"
#include "wire/fabric.pb.h"
#include "wire/telemetry.pb.h"

namespace postern::ems::testing {
namespace {

using Frame = wire::TelemetryFrame;

TEST_F(Lab, AnInvitationEnrolsAsOftenAsItMayAndTheSameKeyOnlyOnce) {
  TestAgent a, b, c;
  EXPECT_EQ(enrol(a, "not-a-code"), "permission_denied");
  const auto code = invite(1);
  EXPECT_EQ(enrol(a, code), "");
  EXPECT_EQ(a.enrolled->uid().size(), 32u);
  EXPECT_EQ(a.enrolled->chain_der_size(), 2);
  EXPECT_EQ(enrol(b, code), "permission_denied");
  EXPECT_NE(b.enrolled->error_message().find("used up"), std::string::npos);
  // The answer was lost: the agent asks again, and gets the same.
  const auto uid = a.uid();
  const auto leaf = a.leaf();
  EXPECT_EQ(enrol(a, code), "");
  EXPECT_EQ(a.uid(), uid);
  EXPECT_EQ(a.leaf(), leaf);
  EXPECT_EQ(core->status().registered, 1u);

  const auto late = invite(1, Seconds(60));
  clock.advance(std::chrono::seconds(61));
  EXPECT_EQ(enrol(c, late), "permission_denied");
  EXPECT_NE(c.enrolled->error_message().find("expired"), std::string::npos);
  const auto log = core->audit(0, 50);
  ASSERT_TRUE(log);
  EXPECT_TRUE(std::ranges::any_of(*log, [](const auto& e) { return e.action == "endpoint.enrol"; }));
  EXPECT_TRUE(std::ranges::any_of(*log, [](const auto& e) { return e.action == "endpoint.enrol_refused"; }));
}

TEST_F(Lab, AHundredUsesOfAOneUseInvitationInOneBatchEnrolExactlyOne) {
  const auto code = invite(1);
  std::vector<TestAgent> agents(100);
  for (auto& agent : agents) ask_enrol(agent, code);
  run();
  EXPECT_EQ(std::ranges::count_if(agents, [](const auto& a) { return a.enrolled->error_code().empty(); }), 1);
  EXPECT_EQ(core->status().endpoints, 1u);
  // And the same key asking a hundred times before the first commit is one endpoint.
  const auto many = invite(100);
  TestAgent eager;
  for (int i = 0; i < 100; ++i) ask_enrol(eager, many);
  run();
  EXPECT_EQ(core->status().endpoints, 2u);
  EXPECT_EQ(core->invitations().front()->uses, 1u);
}

TEST_F(Lab, AReportIsAcknowledgedAndTagsFollowOnlyAfterTheCommit) {
  save_process_tag();
  TestAgent a;
  join(a);
  EXPECT_TRUE(a.tags().contains("Has-sshd?"));  // never reported: unknown
  EXPECT_TRUE(a.tags().contains("all_registered_clients"));
  const auto* probes = a.last(Frame::kProbes);
  ASSERT_NE(probes, nullptr);
  ASSERT_EQ(probes->probes().keys_size(), 1);
  EXPECT_EQ(probes->probes().keys(0), "process.running:sshd");

  const auto commits = store.commits();
  a.inbox.clear();
  report(a, {{keys::process_running("sshd"), true}});
  EXPECT_EQ(store.commits(), commits);
  EXPECT_TRUE(core->take_actions().empty());
  run();
  EXPECT_EQ(store.commits(), commits + 1);
  EXPECT_EQ(a.acked(), a.seq);
  EXPECT_TRUE(a.tags().contains("Has-sshd"));
}

TEST_F(Lab, AnEndpointThatEndedBetweenConnectingAndHelloIsToldSoAndLeavesNothingBehind) {
  for (const bool removed : {false, true}) {
    TestAgent a;
    ASSERT_EQ(enrol(a, invite()), "");
    connect(a);
    core->telemetry_closed(clock.now(), a.session);
    // The connection is there, its hello is not.
    a.inbox.clear();
    a.closed = false;
    core->telemetry_opened(clock.now(), a.session, {a.leaf(), true}, *IpAddress::parse("10.0.1.2"));
    core->deregister(clock.now(), admin, a.uid(), nullptr);
    run();
    if (removed) core->remove_endpoint(clock.now(), admin, a.uid(), nullptr);
    run();
    wire::TelemetryFrame hello;
    hello.mutable_hello()->set_uid(a.uid().str());
    hello.mutable_hello()->set_run_id(a.run);
    send(a, hello);
    run();
    ASSERT_NE(a.last(Frame::kGoodbye), nullptr);
    EXPECT_EQ(a.last(Frame::kGoodbye)->goodbye().reason(), "deregistered");
    EXPECT_EQ(a.last(Frame::kWelcome), nullptr);
    EXPECT_TRUE(a.closed);
    const auto* e = core->endpoint(a.uid());
    EXPECT_EQ(e == nullptr, removed);
    EXPECT_TRUE(e == nullptr || !e->online);
  }
  restart();  // the store holds nothing that can't be read
}

TEST_F(Lab, AFailedCommitAcknowledgesNothingPublishesNothingAndLosesNothing) {
  save_process_tag();
  TestAgent a, b;
  join(a);
  TestGateway g("PGW0000000000001", 5);
  ASSERT_TRUE(join(g));
  ASSERT_EQ(g.endpoints(), 1u);
  const auto view = g.client.view().digest();
  const auto revision = core->revision();

  store.fail_commits(Error{ErrorCode::kResourceExhausted, "the disk is full"});
  a.inbox.clear();
  const auto acked = a.seq;
  report(a, {{keys::process_running("sshd"), true}});
  ask_enrol(b, "whatever");
  Status quarantined;
  core->quarantine(clock.now(), admin, a.uid(), "", [&](Status s) { quarantined = s; });
  run();
  EXPECT_EQ(a.acked(), 0u);
  ASSERT_NE(a.last(Frame::kGoodbye), nullptr);
  EXPECT_EQ(a.last(Frame::kGoodbye)->goodbye().reason(), "unavailable");
  EXPECT_TRUE(a.closed);
  ASSERT_FALSE(quarantined);
  EXPECT_EQ(quarantined.error().code, ErrorCode::kResourceExhausted);
  EXPECT_EQ(g.client.view().digest(), view);
  EXPECT_TRUE(g.client.synchronised());
  EXPECT_EQ(core->revision(), revision);
  EXPECT_TRUE(core->status().read_only);
  EXPECT_FALSE(core->endpoint(a.uid())->quarantined);
  EXPECT_FALSE(core->endpoint(a.uid())->facts().contains(keys::process_running("sshd")));
  // Somebody who enrols hears why.
  TestAgent d;
  store.fail_commits(std::nullopt);
  const auto code = invite();
  store.fail_commits(Error{ErrorCode::kResourceExhausted, "the disk is full"});
  EXPECT_EQ(enrol(d, code), "resource_exhausted");

  // Mended: noticed without anybody's help, and the agent says it again.
  store.fail_commits(std::nullopt);
  clock.advance(std::chrono::seconds(2));
  core->tick(clock.now());
  run();
  EXPECT_FALSE(core->status().read_only);
  a.seq = acked;
  connect(a, acked);
  EXPECT_FALSE(a.last(Frame::kWelcome)->welcome().full_report_wanted());
  report(a, {{keys::process_running("sshd"), true}});
  run();
  EXPECT_EQ(a.acked(), a.seq);
  EXPECT_TRUE(a.tags().contains("Has-sshd"));
  EXPECT_EQ(enrol(d, code), "");
}

TEST_F(Lab, ATagThatCouldNotBeSavedIsNotInForce) {
  TestAgent a;
  join(a);
  store.fail_commits(Error{ErrorCode::kResourceExhausted, "the disk is full"});
  Result<posture::TagId> saved = 0;
  posture::TagDefinition tag;
  tag.name = TagName("Fresh");
  core->save_tag(clock.now(), admin, "Fresh", tag, true, [&](Result<posture::TagId> id) { saved = id; });
  run();
  EXPECT_FALSE(saved);
  EXPECT_EQ(core->tag("Fresh"), nullptr);
  EXPECT_EQ(core->engine().id_of("Fresh"), 0u);
  store.fail_commits(std::nullopt);
  core->save_tag(clock.now(), admin, "Fresh", tag, true, [&](Result<posture::TagId> id) { saved = id; });
  run();
  ASSERT_TRUE(saved);
  EXPECT_EQ(*saved, 2u);
}

TEST_F(Lab, AnEndpointGoesOfflineByTheClockAndTheEmssOwnDowntimeDoesNotCount) {
  save_tag(R"({"name":"Telemetry-Connected","rules":[{"id":1,"os":"linux","type":"ems-management"}]})");
  TestAgent a;
  join(a);
  EXPECT_TRUE(a.tags().contains("Telemetry-Connected"));
  const auto is_online = [&] { return core->endpoint(a.uid())->online; };
  const auto wait = [&](int seconds) {
    for (int i = 0; i < seconds; ++i) {
      clock.advance(std::chrono::seconds(1));
      core->tick(clock.now());
      run();
    }
  };
  wait(170);
  Frame keepalive;
  keepalive.mutable_keepalive()->set_seq(3);
  send(a, keepalive);
  run();
  EXPECT_EQ(a.last(Frame::kKeepaliveAck)->keepalive_ack().seq(), 3u);
  wait(170);
  EXPECT_TRUE(is_online());
  // The EMS is away for a day: nobody goes offline for it.
  restart();
  clock.advance(std::chrono::hours(24));
  restart();
  EXPECT_TRUE(is_online());
  // Its silence before that counts, but for the minute by which a stored last-seen may be late: 110 of 180 s, and some
  // less because when the EMS last lived is stored every 5 s.
  wait(69);
  EXPECT_TRUE(is_online());
  wait(16);
  EXPECT_FALSE(is_online());
  EXPECT_EQ(core->endpoint(a.uid())->tags().state(core->engine().id_of("Telemetry-Connected")), posture::TagState::kAbsent);
  connect(a, a.seq);
  EXPECT_FALSE(is_online());
  send(a, keepalive);
  run();
  EXPECT_TRUE(is_online());
  EXPECT_TRUE(a.tags().contains("Telemetry-Connected"));
}

TEST_F(Lab, ARestartRebuildsTheSameState) {
  save_process_tag();
  TestAgent a;
  join(a);
  report(a, {{keys::process_running("sshd"), true}});
  run();
  const auto before = *core->endpoint(a.uid());
  const auto facts = before.facts();
  const auto tags = before.tags();
  const auto revision = core->revision();
  restart();
  const auto* after = core->endpoint(a.uid());
  ASSERT_NE(after, nullptr);
  EXPECT_EQ(after->tags(), tags);
  EXPECT_EQ(after->certificates, before.certificates);
  EXPECT_EQ(after->public_ip, before.public_ip);
  ASSERT_EQ(after->facts().size(), facts.size());
  for (const auto& [key, fact] : facts) EXPECT_EQ(after->facts().at(key).value, fact.value) << key;
  EXPECT_EQ(core->revision(), revision);  // nothing had to be changed
  EXPECT_EQ(core->tags().size(), 2u);
  EXPECT_EQ(core->tag_counts(core->engine().id_of("Has-sshd")).has, 1u);
}

TEST_F(Lab, WrongIdentitiesAreRefusedAndANewerConnectionReplacesTheOlder) {
  TestAgent a, b;
  join(a);
  ASSERT_EQ(enrol(b, invite(), "another-machine-id"), "");
  const auto uid = a.enrolled->uid();
  TestAgent liar;
  *liar.enrolled = *b.enrolled;
  liar.enrolled->set_uid(uid);  // b's certificate, a's name
  connect(liar);
  EXPECT_TRUE(liar.closed);
  EXPECT_EQ(liar.last(Frame::kGoodbye)->goodbye().reason(), "refused");
  connect(b, 0, /*verified=*/false);
  EXPECT_EQ(b.last(Frame::kGoodbye)->goodbye().reason(), "refused");

  TestAgent again;
  *again.enrolled = *a.enrolled;
  connect(again);
  EXPECT_TRUE(a.closed);
  EXPECT_EQ(a.last(Frame::kGoodbye)->goodbye().reason(), "superseded");
  EXPECT_FALSE(again.closed);
  const auto log = core->audit(0, 50);
  EXPECT_TRUE(std::ranges::any_of(*log, [](const auto& e) { return e.action == "telemetry.refuse"; }));
}

TEST_F(Lab, TwoMachinesWithOneKeyAreTold) {
  TestAgent a;
  join(a);
  const auto told = [&] {
    const auto log = core->audit(0, 200);
    return std::ranges::count_if(*log, [](const auto& e) { return e.action == "telemetry.copied"; });
  };
  // An agent that starts anew, and connects again, is one machine.
  a.run = 8;
  connect(a);
  connect(a);
  a.run = 9;
  connect(a);
  EXPECT_EQ(told(), 0);
  TestAgent copy;
  *copy.enrolled = *a.enrolled;
  copy.key = a.key;
  copy.run = 20;
  connect(copy);
  EXPECT_EQ(told(), 0) << "a restart looks like that";
  connect(a);
  EXPECT_EQ(told(), 1);
  connect(copy);
  connect(a);
  EXPECT_EQ(told(), 1) << "once an hour";
}

TEST_F(Lab, BrokenFramesEndTheConnectionAndChangeNothing) {
  TestAgent a;
  join(a);
  const auto facts = core->endpoint(a.uid())->facts();
  const auto broken = [&](const Frame& frame) {
    if (a.session == 0) connect(a, a.seq);
    a.inbox.clear();
    send(a, frame);
    run();
    EXPECT_TRUE(a.closed);
    ASSERT_NE(a.last(Frame::kGoodbye), nullptr);
    EXPECT_EQ(a.last(Frame::kGoodbye)->goodbye().reason(), "protocol_error");
    EXPECT_EQ(core->endpoint(a.uid())->facts(), facts);
  };
  Frame frame;
  frame.mutable_report()->set_seq(a.seq + 1);
  auto& fact = *frame.mutable_report()->add_facts();
  fact.set_key(std::string(keys::kEmsOnline));
  fact.set_boolean(true);
  broken(frame);  // what the EMS alone may say
  fact.set_key("host.name");
  fact.set_unknown(wire::UNKNOWN_REASON_DENIED);
  broken(frame);  // a value and no value
  fact.clear_unknown();
  frame.mutable_report()->set_seq(a.seq + 2);
  broken(frame);  // one is missing
  Frame second;
  second.mutable_hello()->set_uid(a.uid().str());
  broken(second);
  Frame inventory;
  inventory.mutable_inventory()->set_hash(std::string(32, 'x'));
  broken(inventory);  // nobody asked
}

TEST_F(Lab, WhoLeavesIsAnsweredOnceThatIsStored) {
  TestAgent a;
  join(a);
  TestGateway gateway("PGWAAAAAAAAAAAAA", 5);
  ASSERT_TRUE(join(gateway));
  ASSERT_TRUE(gateway.record(a.uid()).registered());
  Frame leave;
  leave.mutable_deregister();
  // Not stored: nobody is told anything, and it stays.
  store.fail_commits(Error{ErrorCode::kResourceExhausted, "the disk is full"});
  send(a, leave);
  run();
  EXPECT_EQ(a.last(Frame::kGoodbye)->goodbye().reason(), "unavailable");
  EXPECT_TRUE(core->endpoint(a.uid())->registered());
  EXPECT_FALSE(gateway.record(a.uid()).blocked());
  store.fail_commits(std::nullopt);
  clock.advance(Seconds(2));
  core->tick(clock.now());
  run();
  connect(a, a.acked());
  keep_alive(a);
  send(a, leave);
  run();
  EXPECT_EQ(a.last(Frame::kGoodbye)->goodbye().reason(), "deregistered");
  EXPECT_TRUE(a.closed);
  EXPECT_EQ(core->endpoint(a.uid())->registration, Registration::kDeregistered);
  EXPECT_EQ(core->endpoint(a.uid())->unregistered_at, clock.now().wall);
  EXPECT_FALSE(core->endpoint(a.uid())->online);
  const auto record = gateway.record(a.uid());
  EXPECT_TRUE(record.blocked());
  EXPECT_EQ(record.certificates_size(), 1) << "it refuses this certificate, and not as one that nobody knows";
  // What comes after the end of a registration changes nothing; a new key enrols.
  restart();
  EXPECT_EQ(core->endpoint(a.uid())->registration, Registration::kDeregistered);
  connect(a, a.acked());
  run();
  EXPECT_EQ(a.last(Frame::kGoodbye)->goodbye().reason(), "deregistered");
  EXPECT_EQ(enrol(a, invite()), "permission_denied");
  TestAgent again;
  EXPECT_EQ(enrol(again, invite()), "");
  EXPECT_NE(again.uid(), a.uid());
}

TEST_F(Lab, DeregisteringCutsAndItsKeyDoesNotComeBack) {
  TestAgent a;
  join(a);
  bool done = false;
  core->deregister(clock.now(), admin, a.uid(), [&](Status s) { done = s.has_value(); });
  run();
  EXPECT_TRUE(done);
  EXPECT_TRUE(a.closed);
  EXPECT_EQ(a.last(Frame::kGoodbye)->goodbye().reason(), "deregistered");
  a.inbox.clear();
  connect(a);
  EXPECT_EQ(a.last(Frame::kGoodbye)->goodbye().reason(), "deregistered");
  EXPECT_EQ(enrol(a, invite()), "permission_denied");
  EXPECT_TRUE(core->endpoint(core->endpoints({}).items.front()->uid)->tags().has().empty());
}

TEST_F(Lab, ACertificateIsRenewedOverTelemetryAndTheOldOneEndsWithTheNewOnesFirstUse) {
  TestGateway gateway("PGWAAAAAAAAAAAAA", 5);
  ASSERT_TRUE(join(gateway));
  TestAgent a;
  join(a);
  TestAgent renewed;
  const auto at_the_gateway = [&](std::size_t n) {
    const auto record = gateway.record(a.uid());
    return n < static_cast<std::size_t>(record.certificates_size()) ? record.certificates(static_cast<int>(n)).not_after_ms() : 0;
  };
  Frame frame;
  frame.mutable_renew_request()->set_csr_der(std::string(as_text(pki::make_request(renewed.key))));
  send(a, frame);
  run();
  const auto* answer = a.last(Frame::kRenewResponse);
  ASSERT_NE(answer, nullptr);
  ASSERT_EQ(answer->renew_response().error_code(), "");
  *renewed.enrolled = *a.enrolled;
  renewed.enrolled->clear_chain_der();
  for (const auto& der : answer->renew_response().chain_der()) renewed.enrolled->add_chain_der(der);
  EXPECT_EQ(core->endpoint(a.uid())->certificates.size(), 2u);
  const auto old = a.leaf();
  connect(a, a.seq);  // still good
  EXPECT_FALSE(a.closed);
  connect(renewed);
  EXPECT_FALSE(renewed.closed);
  // Telemetry takes it no more; gateways do for a while, so that what is open by it is not cut.
  TestAgent stale;
  *stale.enrolled = *a.enrolled;
  connect(stale);
  EXPECT_TRUE(stale.closed);
  const auto used = clock.now().wall;
  const auto ends = used + std::chrono::minutes(10);
  ASSERT_EQ(core->endpoint(a.uid())->certificates.size(), 2u);
  EXPECT_EQ(core->endpoint(a.uid())->certificates[1].ends, ends);
  EXPECT_GT(at_the_gateway(0), to_unix_ms(ends));
  EXPECT_EQ(at_the_gateway(1), to_unix_ms(ends));
  disconnect(gateway);
  restart();
  connect(gateway);
  clock.advance(ends - Millis(1) - clock.now().wall);
  core->tick(clock.now());
  run();
  EXPECT_EQ(at_the_gateway(1), to_unix_ms(ends)) << "connecting again with the newest moves nothing";
  clock.advance(Millis(1));
  core->tick(clock.now());
  run();
  EXPECT_EQ(core->endpoint(a.uid())->certificates.size(), 1u);
  EXPECT_EQ(gateway.record(a.uid()).certificates_size(), 1);
}

TEST_F(Lab, OfARenewalOneOlderCertificateIsKeptAndARevocationEndsBoth) {
  TestGateway gateway("PGWAAAAAAAAAAAAA", 5);
  ASSERT_TRUE(join(gateway));
  TestAgent a;
  join(a);
  std::vector<Sha256> leaves{a.leaf_sha256()};
  for (int n = 0; n < 3; ++n) {
    clock.advance(std::chrono::minutes(1));
    Frame frame;
    frame.mutable_renew_request()->set_csr_der(std::string(as_text(pki::make_request(a.key))));
    send(a, frame);
    run();
    const auto* answer = a.last(Frame::kRenewResponse);
    ASSERT_NE(answer, nullptr);
    a.enrolled->clear_chain_der();
    for (const auto& der : answer->renew_response().chain_der()) a.enrolled->add_chain_der(der);
    leaves.push_back(a.leaf_sha256());
    connect(a, a.acked());
    keep_alive(a);
    ASSERT_FALSE(a.closed);
    const auto& held = core->endpoint(a.uid())->certificates;
    ASSERT_EQ(held.size(), 2u);
    EXPECT_EQ(held[0].sha256, leaves[leaves.size() - 1]);
    EXPECT_EQ(held[1].sha256, leaves[leaves.size() - 2]);
  }
  core->revoke_certificates(clock.now(), admin, a.uid(), nullptr);
  run();
  EXPECT_TRUE(gateway.record(a.uid()).blocked());
  EXPECT_EQ(gateway.record(a.uid()).certificates_size(), 2);
  // The older one's end takes nothing off what is refused.
  clock.advance(std::chrono::minutes(20));
  core->tick(clock.now());
  run();
  EXPECT_TRUE(gateway.record(a.uid()).blocked());
}

}  // namespace
}  // namespace postern::ems::testing
