#include "posture/unknown_source.h"

#include <gtest/gtest.h>

namespace postern::posture {
namespace {

TEST(UnknownSource, HoldsTheSourceAndWhy) {
  EXPECT_EQ(unknown_source("/etc/x", "a loop of links"), "/etc/x: a loop of links");
  EXPECT_EQ(unknown_source("/etc/x", ""), "/etc/x");
  const auto both = split_unknown_source("/etc/x: reading it: permission denied");
  EXPECT_EQ(both.first, "/etc/x");
  EXPECT_EQ(both.second, "reading it: permission denied");
  EXPECT_EQ(split_unknown_source("rtnetlink").first, "rtnetlink");
  EXPECT_EQ(split_unknown_source("rtnetlink").second, "");
  EXPECT_EQ(split_unknown_source("/home/a b/c").first, "/home/a b/c");
  for (const auto* why : {"who is logged in is not recorded", "running /usr/sbin/sshd: it did not end in time"}) {
    EXPECT_EQ(split_unknown_source(why).first, "");
    EXPECT_EQ(split_unknown_source(why).second, why);
  }
}

TEST(UnknownSource, OfALongOneTellsTheReasonWhole) {
  const std::string why = "searching it takes too long: make the pattern simpler";
  const auto both = unknown_source("/start/" + std::string(470, 'p') + "/end", why);
  EXPECT_LE(both.size(), kMaxSource);
  EXPECT_EQ(split_unknown_source(both).second, why);
  EXPECT_TRUE(both.starts_with("/start/"));
  EXPECT_NE(both.find("/end: "), both.npos);
  EXPECT_LE(unknown_source("x", std::string(500, 'w')).size(), 505u);
}

}  // namespace
}  // namespace postern::posture
