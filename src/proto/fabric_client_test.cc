#include "proto/fabric_client.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "proto/deflate.h"
#include "wire/fabric.pb.h"

namespace postern::proto {
namespace {

using wire::FabricFrame;

std::string uid_text(int n) { return fmt::format("{:031}{}", 0, static_cast<char>('A' + n)); }
EndpointUid uid(int n) { return EndpointUid(uid_text(n)); }

std::string entry(int n, std::string host = "h") {
  wire::ViewEntry e;
  e.mutable_record()->set_uid(uid_text(n));
  e.mutable_record()->set_host_name(host);
  return e.SerializeAsString();
}

class FabricClientTest : public testing::Test {
 protected:
  FabricClientTest() : client_({GatewaySerial("PGW0123456789ABC"), "gw", "0.1", ""}, random_) {}

  /// Frames sent since the last call; other actions go to actions_.
  std::vector<FabricFrame> sent() {
    std::vector<FabricFrame> frames;
    for (auto& action : client_.take_actions()) {
      if (auto* send = std::get_if<fabric::Send>(&action)) {
        FabricFrame frame;
        EXPECT_TRUE(frame.ParseFromArray(send->bytes.data(), static_cast<int>(send->bytes.size())));
        frames.push_back(frame);
      } else {
        actions_.push_back(std::move(action));
      }
    }
    return frames;
  }
  template <class T>
  std::vector<T> taken() {
    std::vector<T> out;
    for (auto& action : actions_) {
      if (auto* t = std::get_if<T>(&action)) out.push_back(*t);
    }
    actions_.clear();
    return out;
  }
  void receive(const FabricFrame& frame) {
    const auto text = frame.SerializeAsString();
    client_.on_frame(clock_.now(), as_bytes(text));
  }
  void authorise() {
    client_.enable(clock_.now());
    client_.on_connected(clock_.now());
    FabricFrame frame;
    frame.mutable_status()->set_state(wire::FabricStatus::AUTHORISED);
    frame.mutable_status()->set_ems_serial("PSTEMS0123456789");
    receive(frame);
  }
  void snapshot(const View& view, std::uint64_t revision, int announced = -1, bool good_digest = true) {
    FabricFrame frame;
    auto& begin = *frame.mutable_snapshot_begin();
    begin.set_epoch(7);
    begin.set_revision(revision);
    begin.set_count(announced < 0 ? static_cast<std::uint32_t>(view.entries().size())
                                  : static_cast<std::uint32_t>(announced));
    receive(frame);
    wire::ViewEntryList list;
    for (const auto& [u, e] : view.entries()) list.add_entries(e);
    frame.mutable_snapshot_chunk()->set_zlib(deflate_text(list.SerializeAsString()));
    receive(frame);
    frame.mutable_snapshot_end()->set_revision(revision);
    frame.mutable_snapshot_end()->set_digest(good_digest ? std::string(as_text(view.digest())) : std::string(32, 'x'));
    receive(frame);
  }
  FabricFrame delta(std::uint64_t from, std::uint64_t to, const View& after) {
    FabricFrame frame;
    frame.mutable_delta()->set_from_revision(from);
    frame.mutable_delta()->set_to_revision(to);
    frame.mutable_delta()->set_count(static_cast<std::uint32_t>(after.entries().size()));
    frame.mutable_delta()->set_digest(std::string(as_text(after.digest())));
    return frame;
  }

  ManualClock clock_;
  SeededRandom random_{1};
  FabricClient client_;
  std::vector<fabric::Action> actions_;
};

TEST_F(FabricClientTest, SaysWhoItIsAndSubscribesOnlyWhenAuthorised) {
  client_.enable(clock_.now());
  sent();
  ASSERT_EQ(taken<fabric::Connect>().size(), 1u);
  client_.on_connected(clock_.now());
  auto frames = sent();
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(frames[0].hello().serial(), "PGW0123456789ABC");
  FabricFrame pending;
  pending.mutable_status()->set_state(wire::FabricStatus::PENDING);
  pending.mutable_status()->set_ems_serial("PSTEMS0123456789");
  receive(pending);
  EXPECT_TRUE(sent().empty());
  EXPECT_EQ(client_.ask_certificate(Sha256{}), 0u);
  FabricFrame authorised;
  authorised.mutable_status()->set_state(wire::FabricStatus::AUTHORISED);
  authorised.mutable_status()->set_ems_serial("PSTEMS0123456789");
  receive(authorised);
  frames = sent();
  ASSERT_EQ(frames.size(), 2u);
  EXPECT_TRUE(frames[0].has_interfaces());
  EXPECT_TRUE(frames[1].has_subscribe());
  EXPECT_FALSE(client_.synchronised());
  EXPECT_FALSE(client_.last_contact());
}

TEST_F(FabricClientTest, ASnapshotReplacesAndRemovesWhatItDoesNotList) {
  authorise();
  View view;
  view.upsert(uid(0), entry(0));
  view.upsert(uid(1), entry(1));
  snapshot(view, 5);
  EXPECT_TRUE(client_.synchronised());
  EXPECT_EQ(client_.view().digest(), view.digest());
  view.remove(uid(0));
  view.upsert(uid(2), entry(2));
  sent();
  taken<fabric::ViewChanged>();
  snapshot(view, 9);
  sent();
  const auto changes = taken<fabric::ViewChanged>();
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_EQ(changes[0].upserted, std::vector{uid(2)});
  EXPECT_EQ(changes[0].removed, std::vector{uid(0)});
}

TEST_F(FabricClientTest, AnIncompleteOrWrongSnapshotChangesNothing) {
  authorise();
  View view;
  view.upsert(uid(0), entry(0));
  snapshot(view, 5);
  sent();
  const View empty;
  snapshot(empty, 6, 3);  // announced three, listed none
  EXPECT_EQ(client_.view().entries().size(), 1u);
  EXPECT_FALSE(client_.synchronised());
  auto frames = sent();
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_TRUE(frames[0].has_subscribe());
  EXPECT_EQ(frames[0].subscribe().epoch(), 0u);
  snapshot(empty, 6, 0, false);  // a digest that isn't that of nothing
  EXPECT_EQ(client_.view().entries().size(), 1u);
  sent();
  EXPECT_EQ(taken<fabric::Disconnect>().size(), 1u);  // the second time in a row: back off
}

TEST_F(FabricClientTest, DeltasApplyWholeOrNotAtAll) {
  authorise();
  View view;
  view.upsert(uid(0), entry(0));
  snapshot(view, 5);
  sent();
  view.upsert(uid(1), entry(1));
  auto frame = delta(5, 6, view);
  frame.mutable_delta()->add_upserts(entry(1));
  receive(frame);
  EXPECT_EQ(client_.revision(), 6u);
  EXPECT_TRUE(sent().empty());

  // Right beginning, wrong digest: taken back.
  View wrong = view;
  wrong.upsert(uid(2), entry(2, "other"));
  frame = delta(6, 7, wrong);
  frame.mutable_delta()->add_upserts(entry(2));
  frame.mutable_delta()->add_removed_uids(uid_text(0));
  const auto before = client_.view().digest();
  receive(frame);
  EXPECT_EQ(client_.view().digest(), before);
  EXPECT_EQ(client_.revision(), 6u);
  const auto frames = sent();
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_TRUE(frames[0].has_subscribe());

  // A delta already under way is no second disagreement.
  receive(delta(7, 8, wrong));
  EXPECT_TRUE(sent().empty());
  snapshot(wrong, 8);
  EXPECT_TRUE(client_.synchronised());
  EXPECT_EQ(client_.view().digest(), wrong.digest());
}

TEST_F(FabricClientTest, ADeltaWithAGapAsksForASnapshot) {
  authorise();
  View view;
  snapshot(view, 5);
  sent();
  receive(delta(6, 7, view));
  EXPECT_FALSE(client_.synchronised());
  EXPECT_EQ(sent().size(), 1u);
}

TEST_F(FabricClientTest, ResumesByRevisionAndDigestAndCountsOnlyWhenConfirmed) {
  authorise();
  View view;
  view.upsert(uid(0), entry(0));
  snapshot(view, 5);
  const auto contact = client_.last_contact();
  ASSERT_TRUE(contact);
  client_.on_disconnected(clock_.now(), "gone");
  sent();
  clock_.advance(std::chrono::seconds(60));
  client_.on_tick(clock_.now());
  client_.on_connected(clock_.now());
  FabricFrame authorised;
  authorised.mutable_status()->set_state(wire::FabricStatus::AUTHORISED);
  authorised.mutable_status()->set_ems_serial("PSTEMS0123456789");
  receive(authorised);
  EXPECT_EQ(client_.last_contact()->mono, contact->mono);
  const auto frames = sent();
  const auto& subscribe = frames.back().subscribe();
  EXPECT_EQ(subscribe.epoch(), 7u);
  EXPECT_EQ(subscribe.revision(), 5u);
  EXPECT_EQ(subscribe.digest(), as_text(view.digest()));
  receive(delta(5, 5, view));
  EXPECT_TRUE(client_.synchronised());
  EXPECT_EQ(client_.last_contact()->mono, clock_.now().mono);
}

TEST_F(FabricClientTest, FoundForASubscriptionThatWasReplacedMeanwhileIsAskedForAgain) {
  authorise();
  View view;
  view.upsert(uid(0), entry(0));
  snapshot(view, 5);
  const auto request = client_.ask_certificate(Sha256{});
  // A delta that does not fit: the client subscribes anew, without the endpoint that the answer under way is about.
  receive(delta(9, 10, view));
  FabricFrame found;
  found.mutable_certificate_answer()->set_request_id(request);
  found.mutable_certificate_answer()->set_state(wire::CertificateAnswer::FOUND);
  found.mutable_certificate_answer()->set_uid(uid_text(0));
  sent();
  receive(found);
  sent();
  const auto answers = taken<fabric::Answer>();
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(answers[0].state, fabric::Answer::State::kBusy);
  EXPECT_TRUE(client_.asked().empty());
  snapshot(view, 10);
  receive(found);
  sent();
  EXPECT_EQ(taken<fabric::Answer>().at(0).state, fabric::Answer::State::kFound);
  EXPECT_TRUE(client_.asked().contains(uid(0)));
}

TEST_F(FabricClientTest, ContactCountsFromTheQuestionSoThatOldNewsStaysOld) {
  const auto pong = [&](std::uint64_t id) {
    FabricFrame frame;
    frame.mutable_pong()->set_id(id);
    receive(frame);
  };
  authorise();
  const auto asked = clock_.now().mono;
  clock_.advance(std::chrono::seconds(3));
  View view;
  view.upsert(uid(0), entry(0));
  snapshot(view, 5);
  EXPECT_EQ(client_.last_contact()->mono, asked);  // of the subscription, not of the snapshot that was under way
  clock_.advance(std::chrono::seconds(4));
  client_.on_tick(clock_.now());
  const auto first = clock_.now().mono;
  // What arrives unasked proves nothing about when it was true.
  receive(delta(5, 6, view));
  EXPECT_EQ(client_.last_contact()->mono, asked);
  clock_.advance(std::chrono::seconds(6));
  client_.on_tick(clock_.now());
  std::vector<std::uint64_t> pings;
  for (const auto& frame : sent()) {
    if (frame.has_ping()) pings.push_back(frame.ping().id());
  }
  ASSERT_EQ(pings.size(), 2u);
  clock_.advance(std::chrono::seconds(5));
  pong(pings[0]);
  EXPECT_EQ(client_.last_contact()->mono, first);
  pong(pings[1] + 7);  // never asked
  EXPECT_EQ(client_.last_contact()->mono, first);
}

TEST_F(FabricClientTest, ARefreshBringsASnapshotAndTheViewStaysUntilItIsThere) {
  client_.refresh(clock_.now());
  EXPECT_TRUE(sent().empty());
  authorise();
  View view;
  view.upsert(uid(0), entry(0));
  snapshot(view, 5);
  sent();
  clock_.advance(std::chrono::seconds(3));
  client_.refresh(clock_.now());
  const auto asked = clock_.now().mono;
  auto frames = sent();
  ASSERT_EQ(frames.size(), 2u);
  EXPECT_TRUE(frames[0].has_interfaces());
  EXPECT_EQ(frames[1].subscribe().epoch(), 0u);
  EXPECT_NE(client_.view().find(uid(0)), nullptr);
  client_.refresh(clock_.now());
  EXPECT_TRUE(sent().empty());  // one at a time
  // What was under way before the question is no answer to it.
  receive(delta(5, 6, view));
  EXPECT_LT(client_.last_contact()->mono, asked);
  View after;
  after.upsert(uid(1), entry(1));
  snapshot(after, 7);
  EXPECT_EQ(client_.last_contact()->mono, asked);
  EXPECT_EQ(client_.view().find(uid(0)), nullptr);
  EXPECT_EQ(client_.counters().mismatches, 0u);
  // While a certificate is asked for, the subscription would not name it.
  EXPECT_NE(client_.ask_certificate(Sha256{}), 0u);
  sent();
  client_.refresh(clock_.now());
  frames = sent();
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_TRUE(frames[0].has_ping());
}

TEST_F(FabricClientTest, AnInquiryIsAnsweredAndNobodyComesIntoTheView) {
  EXPECT_EQ(client_.inquire_certificate(Sha256{}), 0u);
  authorise();
  snapshot(View(), 5);
  sent();
  const auto request = client_.inquire_certificate(Sha256{1});
  const auto frames = sent();
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_TRUE(frames[0].ask_certificate().only_tell());
  FabricFrame answer;
  answer.mutable_certificate_answer()->set_request_id(request);
  answer.mutable_certificate_answer()->set_state(wire::CertificateAnswer::FOUND);
  answer.mutable_certificate_answer()->set_uid(uid_text(3));
  receive(answer);
  sent();
  const auto answers = taken<fabric::Answer>();
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(answers[0].state, fabric::Answer::State::kFound);
  EXPECT_EQ(answers[0].uid, uid(3));
  EXPECT_TRUE(client_.asked().empty());
}

TEST_F(FabricClientTest, FoundCountsOnlyIfTheRecordCameBefore) {
  authorise();
  View view;
  snapshot(view, 5);
  sent();
  taken<fabric::Answer>();
  const auto request = client_.ask_certificate(Sha256{});
  EXPECT_NE(request, 0u);
  FabricFrame answer;
  answer.mutable_certificate_answer()->set_request_id(request);
  answer.mutable_certificate_answer()->set_state(wire::CertificateAnswer::FOUND);
  answer.mutable_certificate_answer()->set_uid(uid_text(3));
  receive(answer);
  sent();
  EXPECT_EQ(taken<fabric::Answer>().at(0).state, fabric::Answer::State::kBusy);
  view.upsert(uid(3), entry(3));
  auto frame = delta(5, 6, view);
  frame.mutable_delta()->add_upserts(entry(3));
  receive(frame);
  receive(answer);
  sent();
  EXPECT_EQ(taken<fabric::Answer>().at(0).state, fabric::Answer::State::kFound);
  EXPECT_TRUE(client_.asked().contains(uid(3)));
}

TEST_F(FabricClientTest, BacksOffWithJitterAndHonoursRetryAfter) {
  client_.enable(clock_.now());
  std::chrono::nanoseconds last{0};
  for (int i = 0; i < 12; ++i) {
    sent();
    ASSERT_EQ(taken<fabric::Connect>().size(), 1u) << i;
    client_.on_disconnected(clock_.now(), "refused");
    const auto start = clock_.now().mono;
    for (int ms = 0; ms < 40'000; ++ms) {
      clock_.advance(std::chrono::milliseconds(1));
      client_.on_tick(clock_.now());
      auto actions = client_.take_actions();
      bool connect = false;
      for (auto& a : actions) connect |= std::holds_alternative<fabric::Connect>(a);
      if (connect) {
        actions_.push_back(fabric::Connect{});
        break;
      }
    }
    last = clock_.now().mono - start;
    EXPECT_LE(last, std::chrono::milliseconds(30'001));
  }
  EXPECT_GE(last, std::chrono::milliseconds(15'000));
}

TEST_F(FabricClientTest, SilenceEndsTheConnection) {
  authorise();
  sent();
  for (int s = 0; s < 13; ++s) {
    clock_.advance(std::chrono::seconds(1));
    client_.on_tick(clock_.now());
  }
  const auto frames = sent();
  EXPECT_FALSE(frames.empty());  // pings
  EXPECT_EQ(taken<fabric::Disconnect>().size(), 1u);
}

TEST_F(FabricClientTest, GarbageEndsTheConnectionAndKeepsTheView) {
  authorise();
  View view;
  view.upsert(uid(0), entry(0));
  snapshot(view, 5);
  sent();
  client_.on_frame(clock_.now(), as_bytes("\xff\xff\xff\xff"));
  sent();
  EXPECT_EQ(taken<fabric::Disconnect>().size(), 1u);
  EXPECT_EQ(client_.view().entries().size(), 1u);
}

TEST_F(FabricClientTest, AnEmsThatDoesNotSayWhoItIsIsNotListenedTo) {
  client_.enable(clock_.now());
  client_.on_connected(clock_.now());
  FabricFrame frame;
  frame.mutable_status()->set_state(wire::FabricStatus::AUTHORISED);
  receive(frame);
  EXPECT_FALSE(client_.connected());
  EXPECT_NE(client_.status().state, FabricStatusInfo::State::kAuthorised);
  EXPECT_EQ(client_.last_error(), "the EMS does not say its serial number");
}

TEST_F(FabricClientTest, ReportsItsUsageWhenItChangesAndEachTenSeconds) {
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

TEST_F(FabricClientTest, NobodyIsToldOfAUsageThatIsNotKnown) {
  authorise();
  sent();
  clock_.advance(std::chrono::seconds(1));
  client_.on_tick(clock_.now());
  for (const auto& frame : sent()) EXPECT_FALSE(frame.has_session_report());
}

}  // namespace
}  // namespace postern::proto
