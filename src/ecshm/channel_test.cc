// The way back: questions, answers, orders and events through the hub.
#include "ecshm/channel.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <vector>

#include "ecshm/event_lab.h"

namespace postern::ecshm {
namespace {

void handle_all(Hub& hub) {
  pollfd p{hub.poll_fd(), POLLIN, 0};
  while (poll(&p, 1, 0) == 1) hub.handle();
}

class HubTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/postern-hub-XXXXXX";
    dir_ = mkdtemp(name);
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }
  std::filesystem::path dir_;
};

TEST_F(HubTest, ABatchOfOrdersHasRoomWhereNobodyReads) {
  auto hub = Hub::listen(dir_);
  ASSERT_TRUE(hub) << hub.error().message;
  auto producer = EventProducer::create();
  Link link;
  ASSERT_TRUE(link.connect(dir_, *producer));
  handle_all(**hub);
  ASSERT_EQ((*hub)->workers(), 1u);
  constexpr std::uint32_t kBatch = 64;  // as gateway/ztna/session_clearing.h sends them
  for (std::uint32_t i = 1; i <= kBatch; ++i) {
    ClearOrder order;
    order.ticket = i;
    order.destination = "10.0.3.11:" + std::to_string(i);
    EXPECT_EQ((*hub)->clear(order).size(), 1u);
  }
  for (std::uint32_t i = 1; i <= kBatch; ++i) {
    const auto message = link.receive();
    ASSERT_TRUE(message) << i;
    const auto order = clear_order(*message);
    ASSERT_TRUE(order);
    EXPECT_EQ(order->ticket, i);
    EXPECT_EQ(order->destination, "10.0.3.11:" + std::to_string(i));
  }
}

TEST_F(HubTest, QuestionsAnswersAndEventsTravel) {
  auto hub = Hub::listen(dir_);
  ASSERT_TRUE(hub) << hub.error().message;
  std::vector<Sha256> asked;
  std::vector<Event> events;
  std::vector<std::uint64_t> gone;
  (*hub)->on_ask = [&](const Sha256& l) { asked.push_back(l); };
  (*hub)->on_event = [&](std::uint64_t, const Event& e) { events.push_back(e); };
  (*hub)->on_gone = [&](std::uint64_t w) { gone.push_back(w); };
  std::vector<std::size_t> batches;
  (*hub)->on_drained = [&] { batches.push_back(events.size()); };
  const auto handle = [&] { handle_all(**hub); };
  auto producer = EventProducer::create();
  Link link;
  ASSERT_TRUE(link.connect(dir_, *producer));
  handle();
  EXPECT_EQ((*hub)->workers(), 1u);
  ASSERT_TRUE(producer->push(denial(3)));
  EXPECT_TRUE(producer->take_nudge(false)) << "the gateway sleeps";
  link.nudge();
  ASSERT_TRUE(link.ask(kOther));
  handle();
  EXPECT_EQ(asked, std::vector{kOther});
  EXPECT_EQ(events, std::vector{denial(3)});
  EXPECT_EQ(batches, std::vector<std::size_t>{1});
  EXPECT_FALSE(link.receive());
  (*hub)->answer(kOther);
  (*hub)->wake();
  auto message = link.receive();
  ASSERT_TRUE(message);
  EXPECT_EQ(message->type, static_cast<std::uint32_t>(MessageType::kAnswer));
  EXPECT_EQ(message->leaf, kOther);
  message = link.receive();
  ASSERT_TRUE(message);
  EXPECT_EQ(message->type, static_cast<std::uint32_t>(MessageType::kWake));
  // A worker that dies with events in its ring: they are taken before it is forgotten.
  ASSERT_TRUE(producer->push(denial(4)));
  link.close();
  handle();
  EXPECT_EQ(events.size(), 2u);
  EXPECT_EQ(gone.size(), 1u);
  EXPECT_EQ((*hub)->workers(), 0u);
  // The gateway goes away.
  ASSERT_TRUE(link.connect(dir_, *producer));
  handle();
  hub->reset();
  EXPECT_FALSE(link.receive());
  EXPECT_FALSE(link.connected());
  EXPECT_FALSE(link.connect(dir_, *producer));
}

TEST_F(HubTest, WhatWorkersCountTravels) {
  auto hub = Hub::listen(dir_);
  ASSERT_TRUE(hub) << hub.error().message;
  std::vector<ServerTally> told;
  (*hub)->on_tally = [&](std::uint64_t, const ServerTally& tally) { told.push_back(tally); };
  auto producer = EventProducer::create();
  Link link;
  const ServerTally tally{7, 2, std::uint64_t{1} << 40, 3};
  EXPECT_FALSE(link.tally(tally)) << "nobody is there";
  ASSERT_TRUE(link.connect(dir_, *producer));
  EXPECT_TRUE(link.tally(tally));
  handle_all(**hub);
  EXPECT_EQ(told, std::vector{tally});
  // A gateway that doesn't come to it: the worker hears so, and waits for nobody.
  int sent = 0;
  while (sent < 100'000 && link.tally(tally)) ++sent;
  EXPECT_LT(sent, 100'000);
  EXPECT_GE(sent, 64) << "what a worker tells at once has room";
}

TEST_F(HubTest, EventsComeInBatchesAndNoneIsLeftBehind) {
  auto hub = Hub::listen(dir_);
  ASSERT_TRUE(hub) << hub.error().message;
  std::size_t events = 0;
  std::vector<std::size_t> batches;
  std::vector<Sha256> asked;
  (*hub)->on_event = [&](std::uint64_t, const Event&) { ++events; };
  (*hub)->on_drained = [&] { batches.push_back(events); };
  (*hub)->on_ask = [&](const Sha256& l) { asked.push_back(l); };
  // Sooner or later the hub has something to do; this waits for it as the gateway's loop does.
  const auto wait_for_events = [&](std::size_t count) {
    pollfd p{(*hub)->poll_fd(), POLLIN, 0};
    while (events < count && poll(&p, 1, 10'000) == 1) (*hub)->handle();
    return events;
  };
  auto producer = EventProducer::create();
  Link link;
  ASSERT_TRUE(link.connect(dir_, *producer));
  handle_all(**hub);
  int nudges = 0;
  const auto report = [&](bool urgent) {
    ASSERT_TRUE(producer->push(denial(1)));
    if (!producer->take_nudge(urgent)) return;
    ++nudges;
    link.nudge();
  };
  report(false);
  EXPECT_EQ(nudges, 1) << "it slept";
  EXPECT_EQ(wait_for_events(1), 1u);
  for (int i = 0; i < 5; ++i) report(false);
  EXPECT_EQ(nudges, 1) << "it looks again by itself";
  // A question is settled at once, whatever else waits; and who looks takes all there is.
  ASSERT_TRUE(link.ask(kOther));
  handle_all(**hub);
  EXPECT_EQ(asked.size(), 1u);
  EXPECT_EQ(events, 6u);
  report(true);
  report(true);
  EXPECT_EQ(nudges, 2) << "a denial does not wait; another one comes along with it";
  (*hub)->handle();
  EXPECT_EQ(events, 8u);
  EXPECT_EQ(batches, (std::vector<std::size_t>{1, 6, 8}));
  report(false);
  EXPECT_EQ(nudges, 2);
  EXPECT_EQ(wait_for_events(9), 9u) << "without any nudge";
  // Nothing more comes: it falls asleep, and the next event wakes it.
  pollfd p{(*hub)->poll_fd(), POLLIN, 0};
  ASSERT_EQ(poll(&p, 1, 10'000), 1);
  (*hub)->handle();
  EXPECT_EQ(batches.size(), 4u) << "an empty look is no batch";
  EXPECT_EQ(poll(&p, 1, 0), 0);
  report(false);
  EXPECT_EQ(nudges, 3);
  EXPECT_EQ(wait_for_events(10), 10u);
}

// The socket takes no nudge any more: the messages in it have the gateway look all the same.
TEST_F(HubTest, ANudgeThatDoesNotFitIsNotMissed) {
  auto hub = Hub::listen(dir_);
  ASSERT_TRUE(hub) << hub.error().message;
  std::size_t events = 0;
  (*hub)->on_event = [&](std::uint64_t, const Event&) { ++events; };
  auto producer = EventProducer::create();
  Link link;
  ASSERT_TRUE(link.connect(dir_, *producer));
  handle_all(**hub);
  while (link.ask(kOther)) {
  }
  ASSERT_TRUE(producer->push(denial(1)));
  ASSERT_TRUE(producer->take_nudge(false));
  link.nudge();
  pollfd p{(*hub)->poll_fd(), POLLIN, 0};
  while (poll(&p, 1, 0) == 1 && events == 0) (*hub)->handle();
  EXPECT_EQ(events, 1u);
}

}  // namespace
}  // namespace postern::ecshm
