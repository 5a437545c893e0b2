#include "gateway/firewall/kernel_table.h"

#include <gtest/gtest.h>

#include <string>

namespace postern::gateway::firewall {
namespace {

using namespace std::string_literals;

TEST(ElementText, IsWhatTheModelWrites) {
  EXPECT_EQ(element_text(element_kind("ipv4_addr"), "\x0a\0\1\2"s), "10.0.1.2");
  EXPECT_EQ(element_text(element_kind("ether_addr"), "\2\x09\x0f\0\1\2"s), "02:09:0f:00:01:02");
  EXPECT_EQ(element_text(element_kind("ifname"), "port1"s + std::string(11, '\0')), "\"port1\"");
  EXPECT_EQ(element_text(element_kind("ipv4_addr . ether_addr . ifname"),
                         "\x0a\0\1\2"s + "\2\x09\x0f\0\1\2\0\0"s + "port1"s + std::string(11, '\0')),
            "10.0.1.2 . 02:09:0f:00:01:02 . \"port1\"");
  EXPECT_EQ(element_text(element_kind("ipv6_addr"), "\x20\1\x0d\xb8"s + std::string(11, '\0') + "\1"), "2001:db8::1");
}

TEST(ElementText, OfAnotherLengthIsItself) {
  for (const char* type : {"ipv4_addr", "ipv6_addr", "ether_addr", "ifname", "ipv4_addr . ether_addr . ifname"}) {
    EXPECT_EQ(element_text(element_kind(type), ""), "");
    EXPECT_EQ(element_text(element_kind(type), "odd"), "odd");
  }
}

TEST(Fingerprint, KnowsNoOrderAndForgetsWhatLeft) {
  Fingerprint a, b;
  for (const char* e : {"x", "y", "z"}) a.add(e);
  for (const char* e : {"z", "w", "y", "x"}) b.add(e);
  EXPECT_NE(a, b);
  b.remove("w");
  EXPECT_EQ(a, b);
}

}  // namespace
}  // namespace postern::gateway::firewall
