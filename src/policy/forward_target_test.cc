#include "policy/forward_target.h"

#include <gtest/gtest.h>

namespace postern::policy {
namespace {

TEST(ForwardTarget, OneSpellingIsOneDestination) {
  const std::pair<const char*, const char*> kRead[] = {
      {"address=10.0.3.11&port=22", "10.0.3.11:22"},
      {"address=DB.example&port=65535", "db.example:65535"},
      {"address=2001:db8::1&port=1", "[2001:db8::1]:1"},
      {"address=%5B2001%3Adb8%3a%3A1%5d&port=22", "[2001:db8::1]:22"},
      {"address=2001:DB8:0::0:1&port=22", "[2001:db8::1]:22"},
      {"address=::ffff:10.0.3.11&port=22", "10.0.3.11:22"},
  };
  for (const auto& [query, text] : kRead) {
    const auto read = forward_target(query);
    ASSERT_TRUE(read) << query;
    EXPECT_EQ(read->text(), text);
    const auto again = forward_target_of_text(text);
    ASSERT_TRUE(again) << text;
    EXPECT_EQ(again->text(), text);
  }
}

TEST(ForwardTarget, WhatAnybodyMightReadOtherwiseIsRefused) {
  for (const char* query :
       {"", "address=", "address=a", "address=a&port=", "address=a&port=0", "address=a&port=022", "address=a&port=65536",
        "address=a&port=2 2", "address=&port=22", "address=a&port=22&", "address=a&port=22&port=23", "port=22&address=a",
        "ADDRESS=a&port=22", "%61ddress=a&port=22", "address=a&p%6frt=22", "address=a&ADDRESS=b&port=22", "address=a%2e&port=22",
        "address=a%00&port=22", "address=a+b&port=22", "address=[a]&port=22", "address=[::1&port=22", "address=a%3&port=22",
        "address=a:b&port=22", "address=1::2::3&port=22", "x=1&address=a&port=22", "address=a/b&port=22", "address=a;&port=22"}) {
    EXPECT_FALSE(forward_target(query)) << query;
  }
  EXPECT_TRUE(forward_target("address=" + std::string(kMaxForwardHost, 'a') + "&port=22"));
  EXPECT_FALSE(forward_target("address=" + std::string(kMaxForwardHost + 1, 'a') + "&port=22"));
  EXPECT_FALSE(forward_target_of_text("22"));
}

}  // namespace
}  // namespace postern::policy
