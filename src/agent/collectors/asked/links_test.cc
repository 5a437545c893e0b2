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
  void card(const std::string& name) { put(("sys/class/net/" + name + "/device/uevent").c_str(), "DRIVER=e1000e\n"); }
};

TEST_F(Links, AreOfTheKindTheyAreWhileTheyAreUp) {
  EXPECT_EQ(said(keys::kLinkTypes), "unknown: unsupported");
  link("lo", "772", "unknown");
  link("eth0", "1", "down");
  card("eth0");
  link("docker0", "1", "up", "bridge");
  EXPECT_EQ(said(keys::kLinkTypes), "none");
  link("eth0", "1", "up");
  link("wlan0", "1", "up", "wlan");
  EXPECT_EQ(said(keys::kLinkTypes), "ethernet, wifi");
  link("tun0", "65534", "unknown");
  put("sys/class/net/tun0/tun_flags", "0x1001\n");
  EXPECT_EQ(said(keys::kLinkTypes), "ethernet, wifi");
  put("sys/class/net/tun0/carrier", "1\n");
  EXPECT_EQ(said(keys::kLinkTypes), "ethernet, vpn, wifi");
}

TEST_F(Links, OfMachinesAndContainersInThisOneAreNone) {
  link("wlan0", "1", "up", "wlan");
  link("veth1", "1", "up");
  link("macvlan0", "1", "up");
  link("vnet0", "1", "up");
  put("sys/class/net/vnet0/tun_flags", "0x1002\n");
  put("sys/class/net/vnet0/master/uevent", "DEVTYPE=bridge\n");
  EXPECT_EQ(said(keys::kLinkTypes), "wifi");
}

TEST_F(Links, OfATapAloneAreUnknown) {
  link("wlan0", "1", "up", "wlan");
  link("tap0", "1", "up");
  put("sys/class/net/tap0/tun_flags", "0x1002\n");
  EXPECT_EQ(said(keys::kLinkTypes), "unknown: unsupported");
  EXPECT_EQ(ask(keys::kLinkTypes).source, "whether tap0 is a VPN's or a virtual machine's can't be told");
}

TEST_F(Links, OfAModemAreNoVpn) {
  link("wwan0", "65534", "up", "wwan");
  card("wwan0");
  EXPECT_EQ(said(keys::kLinkTypes), "none");
  link("wg0", "65534", "unknown", "wireguard");
  put("sys/class/net/wg0/carrier", "1\n");
  EXPECT_EQ(said(keys::kLinkTypes), "vpn");
}

}  // namespace
}  // namespace postern::agent
