#include "agent/local_api/client_limits.h"

#include <gtest/gtest.h>

namespace postern::agent {
namespace {

TEST(ClientLimits, OneUserCannotTakeTheRoomOfOthers) {
  ClientLimits limits({.per_user = 2, .all_users = 3, .exempt = {0, 900}});
  EXPECT_TRUE(limits.admit(1000));
  EXPECT_TRUE(limits.admit(1000));
  const auto third = limits.admit(1000);
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error().code, ErrorCode::kResourceExhausted);
  EXPECT_NE(third.error().message.find("uid 1000"), std::string::npos) << third.error().message;
  EXPECT_TRUE(limits.admit(1001));
  // What was refused was not counted: one that ends makes room for one.
  limits.release(1000);
  EXPECT_TRUE(limits.admit(1000));
}

TEST(ClientLimits, ManyUserIdsOfOnePersonLeaveRoomForRoot) {
  ClientLimits limits({.per_user = 2, .all_users = 3, .exempt = {0, 900}});
  for (uid_t user = 100'000; user < 100'003; ++user) EXPECT_TRUE(limits.admit(user));
  const auto one_more = limits.admit(100'003);
  ASSERT_FALSE(one_more);
  EXPECT_NE(one_more.error().message.find("as root"), std::string::npos) << one_more.error().message;
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(limits.admit(0) && limits.admit(900));
  // Nor do root's connections, coming or ending, change what others have.
  limits.release(0);
  EXPECT_FALSE(limits.admit(100'003));
  limits.release(100'000);
  EXPECT_TRUE(limits.admit(100'003));
}

}  // namespace
}  // namespace postern::agent
