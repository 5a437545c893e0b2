#include <gtest/gtest.h>

#include "agent/collectors/asked/asked_lab.h"

namespace postern::agent {
namespace {

class Links : public AskedLab {
 protected:
  void link(const std::string& name, const char* type, const char* state, const char* kind = "") {
    const auto at = "sys/class/net/" + name;
    put((at + "/type").c_str(), type);
    put((at + "/operstate").c_str(), state);
    put((at + "/uevent").c_str(), std::string(*kind ? "DEVTYPE=" : "") + kind + "\nINTERFACE=" + name + "\n");
  }
};

TEST_F(Links, AreOfTheKindTheyAreWhileTheyAreUp) {
  EXPECT_EQ(said(keys::kLinkTypes), "unknown: unsupported");
  link("lo", "772", "unknown");
  link("eth0", "1", "down");
  link("docker0", "1", "up", "bridge");
  EXPECT_EQ(said(keys::kLinkTypes), "none");
  link("eth0", "1", "up");
  link("wlan0", "1", "up", "wlan");
  EXPECT_EQ(said(keys::kLinkTypes), "ethernet, wifi");
  link("tun0", "65534", "unknown");
  EXPECT_EQ(said(keys::kLinkTypes), "ethernet, wifi");
  put("sys/class/net/tun0/carrier", "1\n");
  EXPECT_EQ(said(keys::kLinkTypes), "ethernet, vpn, wifi");
}

}  // namespace
}  // namespace postern::agent
