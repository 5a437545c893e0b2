#include "gateway/ztna/session_clearing.h"

#include <gtest/gtest.h>

#include <optional>

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
  SessionClearing clearing_{loop_};
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
