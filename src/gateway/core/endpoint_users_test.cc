#include "gateway/core/endpoint_users.h"

#include <gtest/gtest.h>

namespace postern::gateway {
namespace {

TEST(EndpointUsers, NamesAreComparedWithAndWithoutDomain) {
  const struct {
    const char* reported;
    const char* named;
    UserIs is;
  } cases[] = {
      {"alice", "alice", UserIs::kYes},
      {"Alice", "aLICE", UserIs::kYes},
      {"alice", "bob", UserIs::kNo},
      {"alice2", "alice", UserIs::kNo},
      {"CORP\\alice", "alice", UserIs::kYes},
      {"alice@corp.example", "alice", UserIs::kYes},
      {"CORP\\alice", "corp\\Alice", UserIs::kYes},
      {"CORP\\alice", "OTHER\\alice", UserIs::kNo},
      {"CORP\\bob", "CORP\\alice", UserIs::kNo},
      {"alice@corp.example", "alice@CORP.example", UserIs::kYes},
      {"alice@corp.example", "alice@other.example", UserIs::kNo},
      {"alice", "CORP\\alice", UserIs::kUnknown},
      {"alice@corp.example", "CORP\\alice", UserIs::kUnknown},
      {"CORP\\alice", "alice@corp.example", UserIs::kUnknown},
      {"bob", "CORP\\alice", UserIs::kNo},
      {"", "alice", UserIs::kUnknown},
      {" ", "alice", UserIs::kUnknown},
      {"CORP\\", "CORP\\", UserIs::kUnknown},
      {"alice", "CORP\\", UserIs::kNo},
  };
  for (const auto& c : cases) EXPECT_EQ(user_is(c.reported, c.named), c.is) << c.reported << " as " << c.named;
}

TEST(EndpointUsers, OneOfAGroupIsEnough) {
  EXPECT_EQ(user_is_any("alice", {}), UserIs::kNo);
  EXPECT_EQ(user_is_any("alice", {"bob", "CORP\\alice", "alice"}), UserIs::kYes);
  EXPECT_EQ(user_is_any("alice", {"bob", "CORP\\alice"}), UserIs::kUnknown);
  EXPECT_EQ(user_is_any("alice", {"bob", "carol"}), UserIs::kNo);
  EXPECT_EQ(user_is_any("", {"bob"}), UserIs::kUnknown);
}

TEST(EndpointUsers, BitsAreNoTags) {
  EXPECT_TRUE(is_user_bit(user_bit("a")) && is_user_bit(group_bit("a")));
  EXPECT_FALSE(is_user_bit("EMS1_ZTNA_user a"));
}

}  // namespace
}  // namespace postern::gateway
