#include "gateway/ztna/session_clearing.h"

#include <gtest/gtest.h>

#include <optional>
#include <utility>

namespace postern::gateway {
namespace {

class SessionClearingTest : public testing::Test {
 protected:
  SessionClearing::Send send(std::set<std::uint64_t> workers) {
    return [this, workers](const ecshm::ClearOrder& order) {
      tickets_.push_back(order.ticket);
      return workers;
    };
  }
  SessionClearing::Done done() {
    return [this](const SessionsCleared& cleared) {
      EXPECT_FALSE(result_);
      result_ = cleared;
      loop_.stop();
    };
  }

  net::Loop loop_;
  SessionClearing clearing_{loop_, std::chrono::milliseconds(50)};
  std::vector<std::uint32_t> tickets_;
  std::optional<SessionsCleared> result_;
};

TEST_F(SessionClearingTest, WaitsForEveryWorkerAndOrder) {
  clearing_.start({{}, {}}, send({1, 2}), done());
  ASSERT_EQ(tickets_.size(), 2u);
  EXPECT_NE(tickets_[0], tickets_[1]);
  clearing_.answered(1, tickets_[0], 3);
  clearing_.answered(1, tickets_[0], 3);  // said twice, counted once
  clearing_.answered(7, tickets_[0], 9);  // nobody that was told
  clearing_.answered(2, tickets_[1] + 1, 9);
  clearing_.answered(1, tickets_[1], 1);
  clearing_.answered(2, tickets_[0], 0);
  EXPECT_FALSE(result_);
  clearing_.answered(2, tickets_[1], 2);
  ASSERT_TRUE(result_);
  EXPECT_EQ(result_->ended, 6u);
  EXPECT_EQ(result_->silent, 0u);
}

TEST_F(SessionClearingTest, AWorkerThatGoesIsNotWaitedFor) {
  clearing_.start({{}}, send({1, 2}), done());
  clearing_.answered(1, tickets_[0], 3);
  clearing_.gone(2);
  ASSERT_TRUE(result_);
  EXPECT_EQ(result_->ended, 3u);
  EXPECT_EQ(result_->silent, 0u);
}

TEST_F(SessionClearingTest, WithoutWorkersNothingEnds) {
  clearing_.start({{}}, send({}), done());
  EXPECT_FALSE(result_) << "never inside the call";
  loop_.run();
  ASSERT_TRUE(result_);
  EXPECT_EQ(result_->ended, 0u);
}

TEST_F(SessionClearingTest, ManyOrdersGoAFewAtATimeSoThatNoneIsLost) {
  std::vector<ecshm::ClearOrder> orders(2 * SessionClearing::kAtOnce + 1);
  for (std::size_t i = 0; i < orders.size(); ++i) orders[i].server = static_cast<std::uint32_t>(i + 1);
  std::vector<std::uint32_t> servers;
  clearing_.start(std::move(orders), [&](const ecshm::ClearOrder& order) {
    servers.push_back(order.server);
    tickets_.push_back(order.ticket);
    return std::set<std::uint64_t>{1};
  }, done());
  for (std::size_t sent : {SessionClearing::kAtOnce, 2 * SessionClearing::kAtOnce, 2 * SessionClearing::kAtOnce + 1}) {
    EXPECT_FALSE(result_);
    ASSERT_EQ(servers.size(), sent);
    for (const auto ticket : std::exchange(tickets_, {})) clearing_.answered(1, ticket, 1);
  }
  ASSERT_TRUE(result_);
  EXPECT_EQ(result_->ended, servers.size());
  EXPECT_EQ(servers.back(), servers.size());
  EXPECT_EQ(result_->silent, 0u);
}

TEST_F(SessionClearingTest, ASilentWorkerHoldsUpNoneOfTheOthers) {
  SessionClearing clearing(loop_, std::chrono::milliseconds(1));
  std::size_t sent = 0;
  clearing.start(std::vector<ecshm::ClearOrder>(SessionClearing::kAtOnce * 3), [&](const ecshm::ClearOrder& order) {
    ++sent;
    loop_.post([&clearing, ticket = order.ticket] { clearing.answered(2, ticket, 1); });
    return std::set<std::uint64_t>{1, 2};
  }, done());
  loop_.run();
  EXPECT_EQ(sent, SessionClearing::kAtOnce * 3);
  ASSERT_TRUE(result_);
  EXPECT_EQ(result_->ended, sent);
  EXPECT_EQ(result_->silent, 1u);
}

TEST_F(SessionClearingTest, OneThatDoesNotAnswerIsCounted) {
  clearing_.start({{}}, send({1, 2}), done());
  clearing_.answered(1, tickets_[0], 1);
  loop_.run();
  ASSERT_TRUE(result_);
  EXPECT_EQ(result_->ended, 1u);
  EXPECT_EQ(result_->silent, 1u);
}

TEST_F(SessionClearingTest, WhereNobodyAnswersNothingIsKnownToHaveEnded) {
  clearing_.start({{}, {}}, send({1, 2}), done());
  loop_.run();
  ASSERT_TRUE(result_);
  EXPECT_EQ(result_->ended, 0u);
  EXPECT_EQ(result_->silent, 2u) << "workers, not orders";
  // What they say later is nobody's any more.
  result_.reset();
  clearing_.answered(1, tickets_[0], 3);
  clearing_.gone(2);
  EXPECT_FALSE(result_);
}

}  // namespace
}  // namespace postern::gateway
