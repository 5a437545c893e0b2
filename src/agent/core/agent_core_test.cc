// The agent's core against scripted answers of an EMS, on a clock that stands still.
#include "agent/core/agent_core.h"

#include <gtest/gtest.h>

#include "pki/authority.h"
#include "pki/certificate.h"
#include "posture/fact_keys.h"
#include "proto/telemetry_server.h"
#include "wire/telemetry.pb.h"

namespace postern::agent {
namespace {

namespace keys = posture::keys;
using proto::TelemetryServer;

class Core : public testing::Test {
 protected:
  Core()
      : random_(7),
        clock_(from_unix_ms(1'780'000'000'000)),
        root_(pki::make_root("EMS root", "Postern", {wall() - Seconds(60), wall() + Seconds(86'400 * 400)}, random_)),
        ztna_(pki::make_intermediate(root_, "ZTNA CA", "Postern",
                                     {wall() - Seconds(60), wall() + Seconds(86'400 * 400)}, random_)),
        key_(pki::PrivateKey::generate()),
        core_({"1.0", "boot", {}}, random_) {}

  WallTime wall() const { return clock_.now().wall; }
  Now now() const { return clock_.now(); }
  std::vector<Bytes> chain(ByteView csr, Seconds life) {
    auto leaf = pki::issue_client(ztna_, csr, uid_, serial_, {wall(), wall() + life}, random_);
    EXPECT_TRUE(leaf);
    return {*leaf, ztna_.certificate};
  }
  Enrolment enrolment(Seconds life = Seconds(900)) {
    Enrolment e{uid_, serial_, TenantId(std::string(32, '0')), {"ems:8013"}, {}, key_, {}, {}, {}, {}};
    EXPECT_TRUE(adopt_chain(e, chain(pki::make_request(key_), life)));
    return e;
  }
  /// All actions of a kind; the rest is dropped.
  template <class T>
  std::vector<T> take() {
    std::vector<T> out;
    for (auto& action : core_.take_actions()) {
      if (auto* one = std::get_if<T>(&action)) out.push_back(std::move(*one));
    }
    return out;
  }
  void connect() {
    core_.on_connected(now());
    TelemetryServer server;
    for (const auto& send : take<act::Send>()) ASSERT_TRUE(server.on_frame(send.bytes));
    core_.on_frame(now(), server.welcome({serial_, TenantId(std::string(32, '0')), Seconds(60), wall()}, 0, true));
    ASSERT_TRUE(core_.connected());
  }
  /// Is that, and nothing else, what it sends?
  bool says_that_it_leaves() {
    const auto sent = take<act::Send>();
    wire::TelemetryFrame frame;
    return sent.size() == 1 && frame.ParseFromArray(sent[0].bytes.data(), static_cast<int>(sent[0].bytes.size())) &&
           frame.has_deregister();
  }
  /// What Left says: "told", or why not, after "forgotten: " if Forget stood before it. "": nothing.
  std::string ends() {
    std::string out;
    bool forgotten = false;
    for (const auto& action : core_.take_actions()) {
      forgotten |= std::holds_alternative<act::Forget>(action);
      const auto* left = std::get_if<act::Left>(&action);
      if (left == nullptr) continue;
      if (left->told) out = forgotten ? "told" : "told, nothing forgotten";
      if (!left->told) out = (forgotten ? "forgotten: " : "") + left->told.error().message;
      if (left->perhaps) out += ", perhaps stored";
    }
    return out;
  }
  /// What the reports among the actions say, newest last.
  std::map<std::string, wire::Fact> reported() {
    std::map<std::string, wire::Fact> out;
    core_.flush(now());
    removed_.clear();
    for (const auto& send : take<act::Send>()) {
      wire::TelemetryFrame frame;
      EXPECT_TRUE(frame.ParseFromArray(send.bytes.data(), static_cast<int>(send.bytes.size())));
      for (const auto& fact : frame.report().facts()) out[fact.key()] = fact;
      for (const auto& key : frame.report().removed()) removed_.insert(key);
    }
    return out;
  }
  void pass(std::chrono::nanoseconds time) {
    clock_.advance(time);
    core_.on_tick(now());
  }

  SeededRandom random_;
  ManualClock clock_;
  pki::Identity root_, ztna_;
  pki::PrivateKey key_;
  EndpointUid uid_{"0123456789ABCDEF0123456789ABCDEF"};
  EmsSerial serial_{"PSTEMS0000000001"};
  AgentCore core_;
  std::set<std::string> removed_;
};

TEST_F(Core, UnregisteredItWantsNothing) {
  core_.start(now(), std::nullopt, "", {});
  core_.set_family("os", {{"os.id", {std::string("debian"), wall(), "x"}}});
  core_.flush(now());
  EXPECT_TRUE(core_.take_actions().empty());
  EXPECT_EQ(core_.next_deadline(), MonoTime::max());
  EXPECT_EQ(core_.registration(), Registration::kUnregistered);
}

TEST_F(Core, WhatWasCollectedBeforeEnrolmentIsInTheFirstReport) {
  core_.start(now(), std::nullopt, "", {});
  core_.set_family("os", {{"os.id", {std::string("debian"), wall(), "x"}}});
  core_.enrolled(now(), enrolment());
  EXPECT_EQ(take<act::Connect>().size(), 1u);
  core_.on_connected(now());
  take<act::Send>();
  TelemetryServer server;
  core_.on_frame(now(), server.welcome({serial_, {}, Seconds(60), wall()}, 0, true));
  EXPECT_TRUE(reported().contains("os.id"));
}

TEST_F(Core, WishesAreAnsweredAndWithdrawnOnesForgotten) {
  core_.start(now(), enrolment(), "", {});
  connect();
  core_.on_frame(now(), TelemetryServer::probes(
                            1, {"process.running:sshd", "file.exists:/x", "disk.encrypted"}));
  EXPECT_EQ(take<act::WishesChanged>().size(), 1u);
  EXPECT_EQ(core_.wishes().arguments("process.running:"), std::set<std::string>{"sshd"});
  EXPECT_EQ(core_.wishes().arguments("file.exists:"), std::set<std::string>{"/x"});
  core_.set_process(now(), "sshd", true);
  core_.set_process(now(), "nobody-asked", true);
  core_.set_file(now(), "/x", posture::Unknown{posture::UnknownReason::kDenied});
  core_.set_file(now(), "/y", true);
  const auto facts = reported();
  EXPECT_EQ(facts.size(), 2u);
  EXPECT_TRUE(facts.at("process.running:sshd").boolean());
  EXPECT_TRUE(facts.contains("file.exists:/x"));
  core_.on_frame(now(), TelemetryServer::probes(2, {"file.exists:/x"}));
  EXPECT_TRUE(reported().empty());
  EXPECT_EQ(removed_, std::set<std::string>{"process.running:sshd"});
}

TEST_F(Core, WishesOfTheLastRunAreAnsweredInTheFirstReport) {
  Wishes wishes;
  wishes.facts = {"process.running:sshd"};
  core_.start(now(), enrolment(), "", wishes);
  EXPECT_EQ(take<act::WishesChanged>().size(), 1u);
  core_.set_process(now(), "sshd", true);
  core_.on_connected(now());
  take<act::Send>();
  TelemetryServer server;
  core_.on_frame(now(), server.welcome({serial_, {}, Seconds(60), wall()}, 0, true));
  EXPECT_TRUE(reported().contains("process.running:sshd"));
}

TEST_F(Core, AFamilyThatNoLongerSaysAFactRemovesIt) {
  core_.start(now(), enrolment(), "", {});
  core_.set_family("net", {{"a", {true, wall(), "x"}}, {"b", {true, wall(), "x"}}});
  connect();
  reported();
  core_.set_family("net", {{"a", {true, wall(), "x"}}});
  EXPECT_TRUE(reported().empty());  // a is what it was
  EXPECT_EQ(removed_, std::set<std::string>{"b"});
}

TEST_F(Core, TheProfileSwitchesTheScanOffAndOn) {
  core_.start(now(), enrolment(), "", {});
  core_.set_family("agent", {{std::string(keys::kFeatureVulnScan), {true, wall(), "x"}},
                             {std::string(keys::kVulnEngineVersion), {std::string("1.0"), wall(), "x"}}});
  connect();
  reported();
  core_.on_frame(now(), TelemetryServer::profile({"P", true, false, Seconds(600)}));
  EXPECT_TRUE(take<act::InventoryWanted>().empty());
  auto facts = reported();
  EXPECT_FALSE(facts.at(std::string(keys::kFeatureVulnScan)).boolean());
  EXPECT_TRUE(facts.contains(std::string(keys::kVulnEngineVersion)));
  core_.set_inventory("not while it is off", wall());
  core_.flush(now());
  EXPECT_TRUE(take<act::Send>().empty());
  core_.on_frame(now(), TelemetryServer::profile({"P", true, true, Seconds(600)}));
  EXPECT_EQ(take<act::InventoryWanted>().size(), 1u);
  facts = reported();
  EXPECT_TRUE(facts.at(std::string(keys::kFeatureVulnScan)).boolean());
  core_.set_inventory("postern-inventory 1\n", wall());
  core_.flush(now());
  EXPECT_EQ(take<act::Send>().size(), 1u);
}

TEST_F(Core, RenewsAtTwoThirdsOfItsLifeWithTheSameKeyAndStoresBeforeUse) {
  core_.start(now(), enrolment(Seconds(900)), "", {});
  connect();
  const auto old = core_.enrolment()->certificate;
  const auto requests = [&] {
    std::vector<Bytes> out;
    for (const auto& send : take<act::Send>()) {
      wire::TelemetryFrame frame;
      EXPECT_TRUE(frame.ParseFromArray(send.bytes.data(), static_cast<int>(send.bytes.size())));
      if (frame.has_renew_request())
        out.emplace_back(frame.renew_request().csr_der().begin(), frame.renew_request().csr_der().end());
    }
    return out;
  };
  requests();
  for (int i = 0; i < 9; ++i) {
    pass(Seconds(66));
    core_.on_frame(now(), TelemetryServer::keepalive_ack(1));
  }
  EXPECT_TRUE(requests().empty());  // 594 s of 900
  pass(Seconds(7));
  const auto asked = requests();
  ASSERT_EQ(asked.size(), 1u);
  EXPECT_EQ(*pki::request_public_key(asked[0]), key_.public_key_sha256());

  core_.on_frame(now(), TelemetryServer::renewed(chain(asked[0], Seconds(900))));
  auto stores = take<act::Store>();
  ASSERT_EQ(stores.size(), 1u);
  EXPECT_EQ(core_.enrolment()->certificate, old);
  // It can't be stored: the old one goes on being used, and it is tried again later.
  core_.stored(now(), fail(ErrorCode::kResourceExhausted, "disk full"));
  EXPECT_EQ(core_.enrolment()->certificate, old);
  EXPECT_NE(core_.last_error().find("disk full"), std::string::npos);
  EXPECT_TRUE(take<act::Connect>().empty());
  pass(Seconds(61));
  const auto again = requests();
  ASSERT_EQ(again.size(), 1u);
  core_.on_frame(now(), TelemetryServer::renewed(chain(again[0], Seconds(900))));
  stores = take<act::Store>();
  ASSERT_EQ(stores.size(), 1u);
  core_.stored(now(), {});
  EXPECT_EQ(core_.enrolment()->certificate, stores[0].enrolment.certificate);
  EXPECT_NE(core_.enrolment()->certificate, old);
  EXPECT_EQ(take<act::Connect>().size(), 1u);  // with the new one
  EXPECT_EQ(core_.last_error(), "");
}

TEST_F(Core, ACertificateForAnotherKeyIsNotTaken) {
  core_.start(now(), enrolment(Seconds(900)), "", {});
  connect();
  for (int i = 0; i < 10; ++i) {
    pass(Seconds(61));
    core_.on_frame(now(), TelemetryServer::keepalive_ack(1));
  }
  core_.on_frame(now(), TelemetryServer::renewed(chain(pki::make_request(pki::PrivateKey::generate()), Seconds(900))));
  EXPECT_TRUE(take<act::Store>().empty());
  EXPECT_NE(core_.last_error().find("another key"), std::string::npos) << core_.last_error();
}

TEST_F(Core, DeregisteredByTheEmsItForgetsAndDoesNotComeBack) {
  core_.start(now(), enrolment(), "", {});
  connect();
  take<act::Send>();
  core_.on_frame(now(), TelemetryServer::goodbye("deregistered", Millis(0), "removed by an administrator"));
  const auto forgotten = take<act::Forget>();
  ASSERT_EQ(forgotten.size(), 1u);
  EXPECT_EQ(forgotten[0].reason, "removed by an administrator");
  EXPECT_EQ(core_.registration(), Registration::kDeregistered);
  EXPECT_FALSE(core_.enrolment());
  pass(Seconds(86'400));
  EXPECT_TRUE(core_.take_actions().empty());
  core_.enrolled(now(), enrolment());
  EXPECT_EQ(take<act::Connect>().size(), 1u);
  EXPECT_TRUE(core_.registered());
}

TEST_F(Core, LeavesByItsOwnWill) {
  core_.start(now(), enrolment(), "", {});
  connect();
  take<act::Send>();
  core_.deregister(now(), false);
  EXPECT_TRUE(says_that_it_leaves());
  EXPECT_TRUE(core_.registered()) << "nothing is forgotten before the EMS has stored it";
  core_.set_family("net", {{"a", {true, wall(), "x"}}});
  core_.flush(now());
  EXPECT_TRUE(take<act::Send>().empty()) << "who leaves reports no more";
  core_.on_frame(now(), TelemetryServer::goodbye("deregistered", Millis(0), "left"));
  EXPECT_EQ(ends(), "told") << "Forget before Left";
  EXPECT_EQ(core_.registration(), Registration::kUnregistered);
  EXPECT_TRUE(core_.deregistered_because().empty());
  EXPECT_EQ(core_.next_deadline(), MonoTime::max());
}

TEST_F(Core, WhoCanNotTellTheEmsThatItLeavesStays) {
  core_.start(now(), enrolment(), "", {});
  core_.on_disconnected(now(), "refused");
  take<act::Connect>();
  core_.deregister(now(), false);
  EXPECT_EQ(core_.next_deadline(), now().mono) << "it is tried at once";
  core_.on_tick(now());
  EXPECT_EQ(take<act::Connect>().size(), 1u);
  core_.on_disconnected(now(), "refused");
  pass(AgentCore::kLeavePatience - Seconds(1));
  EXPECT_TRUE(core_.leaving());
  pass(Seconds(1));
  EXPECT_FALSE(core_.leaving());
  EXPECT_EQ(ends(), "refused");
  EXPECT_TRUE(core_.registered() && core_.enrolment());
  // And goes on as before: it says that it is there, and not that it leaves.
  pass(Seconds(60));
  core_.on_connected(now());
  take<act::Send>();
  TelemetryServer server;
  core_.on_frame(now(), server.welcome({serial_, TenantId(std::string(32, '0')), Seconds(60), wall()}, 0, true));
  EXPECT_FALSE(says_that_it_leaves());
}

TEST_F(Core, WhoStaysTriesToConnectWithoutDelay) {
  core_.start(now(), enrolment(), "", {});
  core_.on_disconnected(now(), "refused");
  core_.deregister(now(), false);
  core_.take_actions();
  clock_.advance(AgentCore::kLeavePatience);
  core_.on_tick(now());
  EXPECT_FALSE(core_.leaving());
  EXPECT_EQ(take<act::Connect>().size(), 1u);
}

TEST_F(Core, AnEmsThatWasToldAndIsSilentMayHaveStoredIt) {
  core_.start(now(), enrolment(), "", {});
  connect();
  take<act::Send>();
  core_.deregister(now(), false);
  EXPECT_TRUE(says_that_it_leaves());
  pass(AgentCore::kLeavePatience);
  EXPECT_EQ(ends(), "the EMS has not answered, perhaps stored");
  EXPECT_TRUE(core_.registered());
  // The next try begins anew: it is not said before there is a connection.
  core_.on_disconnected(now(), "reset");
  core_.deregister(now(), false);
  pass(AgentCore::kLeavePatience);
  EXPECT_EQ(ends(), "reset");
}

TEST_F(Core, WhoIsForcedLeavesUntold) {
  core_.start(now(), enrolment(), "", {});
  core_.deregister(now(), true);
  EXPECT_TRUE(core_.registered());
  pass(AgentCore::kLeavePatience);
  EXPECT_EQ(ends(), "forgotten: the EMS has not answered");
  EXPECT_EQ(core_.registration(), Registration::kUnregistered);
}

TEST_F(Core, ThatItLeavesIsSaidAgainOnTheNextConnection) {
  core_.start(now(), enrolment(), "", {});
  connect();
  take<act::Send>();
  core_.deregister(now(), false);
  EXPECT_TRUE(says_that_it_leaves());
  core_.on_frame(now(), TelemetryServer::goodbye("unavailable", Millis(0), "not stored"));
  pass(Seconds(1));
  EXPECT_EQ(take<act::Connect>().size(), 1u);
  core_.on_connected(now());
  take<act::Send>();
  TelemetryServer server;
  core_.on_frame(now(), server.welcome({serial_, TenantId(std::string(32, '0')), Seconds(60), wall()}, 0, true));
  EXPECT_TRUE(says_that_it_leaves());
  // Stored, and the answer was lost with the connection: the next hello is refused so.
  core_.on_disconnected(now(), "reset");
  pass(Seconds(1));
  core_.on_connected(now());
  core_.on_frame(now(), TelemetryServer::goodbye("deregistered", Millis(0), "no such endpoint"));
  EXPECT_EQ(ends(), "told");
  EXPECT_EQ(core_.registration(), Registration::kUnregistered);
}

TEST_F(Core, AnExpiredCertificateIsTold) {
  const auto held = enrolment();
  EXPECT_EQ(why_not_connected(held, held.not_after - Seconds(1), "hung up"), "hung up");
  const auto why = why_not_connected(held, held.not_after, "hung up");
  EXPECT_EQ(why, "this machine's certificate expired at " + to_iso8601(held.not_after) +
                     "; enrol it anew: postern-agent deregister --force, then postern-agent enrol (hung up)");
}

TEST_F(Core, EnrolmentAnswersAreChecked) {
  wire::EnrolResponse response;
  const auto read = [&] { return enrol_response(as_bytes(response.SerializeAsString()), key_, {"ems:1"}, {}); };
  EXPECT_EQ(enrol_response(as_bytes("\xff\xff"), key_, {}, {}).error().code, ErrorCode::kDataLoss);
  EXPECT_EQ(read().error().code, ErrorCode::kDataLoss);
  response.set_uid(uid_.str());
  response.set_ems_serial(serial_.str());
  EXPECT_EQ(read().error().code, ErrorCode::kDataLoss);  // no certificate
  const auto good = chain(pki::make_request(key_), Seconds(900));
  for (const auto& der : good) response.add_chain_der(std::string(as_text(der)));
  EXPECT_TRUE(read());
  response.set_uid(std::string(32, 'A'));
  EXPECT_EQ(read().error().code, ErrorCode::kDataLoss);  // a certificate for somebody else
  response.set_error_code("permission_denied");
  response.set_error_message("the invitation has been used up");
  EXPECT_EQ(read().error().code, ErrorCode::kPermissionDenied);
  EXPECT_EQ(read().error().message, "the invitation has been used up");
}

TEST_F(Core, TheEmsIsWhoHasTheRootKey) {
  const pki::Validity validity{wall() - Seconds(60), wall() + Seconds(3600)};
  const auto server = pki::make_server(root_, "ems", {"ems.example"}, validity, random_);
  const auto root_key = pki::parse_certificate(root_.certificate)->public_key_sha256;
  EXPECT_TRUE(check_ems({server.certificate, root_.certificate}, root_key, wall()));
  EXPECT_FALSE(check_ems({}, root_key, wall()));
  EXPECT_FALSE(check_ems({server.certificate}, root_key, wall()));                       // the root is missing
  EXPECT_FALSE(check_ems({server.certificate, root_.certificate}, root_key, wall() + Seconds(7200)));  // out of date
  const auto other = pki::make_root("EMS root", "Postern", validity, random_);
  const auto another = check_ems({server.certificate, other.certificate}, root_key, wall());
  ASSERT_FALSE(another);
  EXPECT_NE(another.error().message.find("its root key is another one"), std::string::npos) << another.error().message;
  EXPECT_NE(another.error().message.find("Ask the administrator of your EMS for a new invitation"), std::string::npos);
  // Somebody who shows our root, which is no secret, behind a certificate of his own.
  const auto forged = pki::make_server(other, "ems", {"ems.example"}, validity, random_);
  EXPECT_FALSE(check_ems({forged.certificate, root_.certificate}, root_key, wall()));
  // An endpoint of this EMS is not the EMS.
  EXPECT_FALSE(check_ems({chain(pki::make_request(key_), Seconds(900))[0], ztna_.certificate, root_.certificate},
                         root_key, wall()));
}

}  // namespace
}  // namespace postern::agent
