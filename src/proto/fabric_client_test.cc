#include "proto/fabric_client.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "proto/deflate.h"
#include "proto/fabric_client_lab.h"
#include "wire/fabric.pb.h"

namespace postern::proto {
namespace {

TEST_F(FabricClientLab, SaysWhoItIsAndSubscribesOnlyWhenAuthorised) {
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

TEST_F(FabricClientLab, ASnapshotReplacesAndRemovesWhatItDoesNotList) {
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

TEST_F(FabricClientLab, AnIncompleteOrWrongSnapshotChangesNothing) {
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

TEST_F(FabricClientLab, DeltasApplyWholeOrNotAtAll) {
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

TEST_F(FabricClientLab, ADeltaWithAGapAsksForASnapshot) {
  authorise();
  View view;
  snapshot(view, 5);
  sent();
  receive(delta(6, 7, view));
  EXPECT_FALSE(client_.synchronised());
  EXPECT_EQ(sent().size(), 1u);
}

TEST_F(FabricClientLab, ResumesByRevisionAndDigestAndCountsOnlyWhenConfirmed) {
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

TEST_F(FabricClientLab, FoundForASubscriptionThatWasReplacedMeanwhileIsAskedForAgain) {
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

TEST_F(FabricClientLab, ContactCountsFromTheQuestionSoThatOldNewsStaysOld) {
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

TEST_F(FabricClientLab, ARefreshBringsASnapshotAndTheViewStaysUntilItIsThere) {
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

TEST_F(FabricClientLab, AnInquiryIsAnsweredAndNobodyComesIntoTheView) {
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

TEST_F(FabricClientLab, FoundCountsOnlyIfTheRecordCameBefore) {
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

TEST_F(FabricClientLab, BacksOffWithJitterAndHonoursRetryAfter) {
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

TEST_F(FabricClientLab, SilenceEndsTheConnection) {
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

TEST_F(FabricClientLab, GarbageEndsTheConnectionAndKeepsTheView) {
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

TEST_F(FabricClientLab, AnEmsThatDoesNotSayWhoItIsIsNotListenedTo) {
  client_.enable(clock_.now());
  client_.on_connected(clock_.now());
  FabricFrame frame;
  frame.mutable_status()->set_state(wire::FabricStatus::AUTHORISED);
  receive(frame);
  EXPECT_FALSE(client_.connected());
  EXPECT_NE(client_.status().state, FabricStatusInfo::State::kAuthorised);
  EXPECT_EQ(client_.last_error(), "the EMS does not say its serial number");
}

}  // namespace
}  // namespace postern::proto
