// `dstaddr` of proxy policies: whichever way it was meant, an import lets no request through that the original refuses.
#include <random>

#include "gateway/config/import/fortios_lab.h"
#include "gateway/config/model.h"

namespace postern::gateway::config::fortios {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr const char* kAddresses =
    "config firewall address\n"
    "edit \"s1\"\nset subnet 10.0.3.1 255.255.255.255\nnext\nedit \"s2\"\nset subnet 10.0.3.2 255.255.255.255\nnext\n"
    "edit \"s3\"\nset subnet 10.0.3.3 255.255.255.255\nnext\nedit \"servers\"\nset subnet 10.0.3.0 255.255.255.0\nnext\n"
    "edit \"door\"\nset subnet 10.0.2.1 255.255.255.255\nnext\nedit \"wide\"\nset subnet 10.0.0.0 255.255.0.0\nnext\n"
    "edit \"far\"\nset subnet 10.9.0.0 255.255.0.0\nnext\nend\n"
    "config firewall addrgrp\nedit \"s1s2\"\nset member \"s1\" \"s2\"\nnext\nedit \"door-s3\"\nset member \"door\" \"s3\"\nnext\nend\n";

/// Of an address above: does it hold 10.0.3.`server`, or with 0 the virtual address 10.0.2.1?
bool holds(const std::string& address, int server) {
  if (address == "all" || address == "wide") return true;
  if (server == 0) return address == "door" || address == "door-s3";
  if (address == "servers") return true;
  if (address == "s1s2") return server < 3;
  return address == "s" + std::to_string(server) || (address == "door-s3" && server == 3);
}

bool holds(const std::vector<std::string>& addresses, int server) {
  return std::any_of(addresses.begin(), addresses.end(), [&](const auto& a) { return holds(a, server); });
}

struct Policy {
  bool accepts = false;
  std::vector<std::string> destinations;
};

std::string vip(const std::string& ext_ip) {
  return "config firewall vip\nedit \"v\"\nset type access-proxy\nset extip " + ext_ip + "\nset extintf \"any\"\nset extport 443\nnext\nend\n";
}

/// An access proxy whose mappings have these servers each.
std::string proxy(const std::vector<std::vector<int>>& mappings) {
  std::string out = "config firewall access-proxy\nedit \"p\"\nset vip \"v\"\nconfig api-gateway\n";
  for (std::size_t m = 0; m < mappings.size(); ++m) {
    out += "edit " + std::to_string(m + 1) + "\nset url-map \"/m" + std::to_string(m) + "\"\nset service http\nconfig realservers\n";
    for (const int s : mappings[m]) out += "edit " + std::to_string(s) + "\nset ip 10.0.3." + std::to_string(s) + "\nset port 80\nnext\n";
    out += "end\nnext\n";
  }
  return out + "end\nnext\nend\n";
}

std::string policies(const std::vector<Policy>& list) {
  std::string out = "config firewall proxy-policy\n";
  int id = 0;
  for (const auto& p : list) {
    out += "edit " + std::to_string(++id) + "\nset proxy access-proxy\nset access-proxy \"p\"\nset srcintf \"any\"\nset srcaddr \"all\"\nset dstaddr";
    for (const auto& d : p.destinations) out += " \"" + d + '"';
    out += "\nset schedule \"always\"\nset action " + std::string(p.accepts ? "accept" : "deny") + "\nnext\n";
  }
  return out + "end\n";
}

/// There, of a request that goes to this server: refusals count by either reading.
bool surely_lets_through(const std::vector<Policy>& list, bool door_is_any, int server) {
  for (const auto& p : list) {
    if (p.accepts) {
      if (holds(p.destinations, server)) return true;
    } else if (door_is_any || holds(p.destinations, server) || holds(p.destinations, 0)) {
      return false;
    }
  }
  return false;
}

/// Here, of a request for a mapping with these servers.
bool lets_requests_through(const GatewayConfig& config, const std::vector<int>& servers) {
  const auto held = [&](const ProxyPolicyConfig& p, int server) {
    const auto ip = *IpAddress::parse("10.0.3." + std::to_string(server));
    return std::any_of(p.destinations.begin(), p.destinations.end(), [&](const std::string& name) {
      const auto* a = find_named(config.addresses, name);
      return a->all || std::any_of(a->ranges.begin(), a->ranges.end(), [&](const IpRange& r) { return r.contains(ip); });
    });
  };
  for (const auto& p : config.proxy_policies) {
    if (!p.enabled) continue;
    const auto one = [&](int s) { return held(p, s); };
    const bool accepts = p.action == Action::kAccept;
    if (accepts ? std::all_of(servers.begin(), servers.end(), one) : std::any_of(servers.begin(), servers.end(), one)) return accepts;
  }
  return false;
}

using DestinationImport = FortiosLab;

TEST_F(DestinationImport, ARefusalOfTheVirtualAddressRefusesEverythingBehindIt) {
  const auto text = [](const std::string& destination, const std::string& ext_ip = "10.0.2.1") {
    return kAddresses + vip(ext_ip) + proxy({{1}, {2}}) + policies({{false, {destination}}, {true, {"all"}}});
  };
  for (const auto* door : {"door", "wide", "door-s3"}) {
    EXPECT_THAT(take(text(door)), Not(HasSubstr("set dstaddr"))) << door;
    EXPECT_EQ(verdict("set dstaddr \"" + std::string(door)), Verdict::kTranslated);
    EXPECT_THAT(why("set dstaddr \"" + std::string(door)), HasSubstr("all: the virtual address is within"));
  }
  EXPECT_THAT(take(text("s1")), HasSubstr("set dstaddr \"s1\""));
  EXPECT_THAT(take(text("far")), HasSubstr("set dstaddr \"far\""));
  // At any address of this machine it may be any.
  EXPECT_THAT(take(text("far", "0.0.0.0")), Not(HasSubstr("set dstaddr")));
  // By the virtual address's own name: it is no address here, and what stands behind is off.
  take(text("v"));
  EXPECT_FALSE(on("2", "firewall proxy-policy"));
}

TEST_F(DestinationImport, TakenAgainItIsTheSame) {
  for (const std::string destination : {"door", "s1", "all"}) {
    store = ConfigStore::in_memory(gateway_schema());
    const auto text = kAddresses + vip("10.0.2.1") + proxy({{1}, {2}}) + policies({{false, {destination}}, {true, {"all"}}});
    const auto first = take(text);
    ASSERT_TRUE(store->commit(import->transaction));
    EXPECT_EQ(take(text), first) << destination;
    EXPECT_THAT(import->left_out, IsEmpty()) << destination;
    EXPECT_TRUE(on("2", "firewall proxy-policy")) << destination;
  }
  // One that refuses less than what is here doesn't take its place.
  const auto narrower = kAddresses + vip("10.0.2.1") + proxy({{1}, {2}}) + policies({{false, {"s1"}}, {true, {"all"}}});
  take(narrower);
  EXPECT_THAT(off("firewall proxy-policy 1"), HasSubstr("doesn't refuse as much"));
}

TEST_F(DestinationImport, WhoLetsNobodyInIsTold) {
  const auto text = [](const std::string& destination) {
    return kAddresses + vip("10.0.2.1") + proxy({{1}, {2}}) + policies({{true, {destination}}});
  };
  for (const auto* server : {"s2", "servers", "s1s2", "all", "wide"}) {
    EXPECT_THAT(take(text(server)), HasSubstr("config firewall proxy-policy")) << server;
    EXPECT_TRUE(on("1", "firewall proxy-policy"));
    EXPECT_THAT(import->notices, IsEmpty()) << server;
  }
  take(text("far"));
  EXPECT_THAT(import->notices, Contains(HasSubstr("proxy-policy 1 lets nobody in: none of the real servers of its access proxies is within its dstaddr; name")));
  take(text("door"));
  EXPECT_THAT(import->notices, Contains(HasSubstr("within its dstaddr, which has the virtual address; name")));
}

TEST_F(DestinationImport, WithoutDestinationsAPolicyIsNone) {
  take(kAddresses + vip("10.0.2.1") + proxy({{1}}) + "config firewall proxy-policy\nedit 1\nset proxy access-proxy\nset access-proxy \"p\"\n"
       "set srcintf \"any\"\nset srcaddr \"all\"\nset schedule \"always\"\nset action accept\nnext\nend\n");
  EXPECT_EQ(off("firewall proxy-policy 1"), "dstaddr is missing");
}

TEST_F(DestinationImport, LetsNoRequestThroughThatTheOriginalMayRefuse) {
  const std::vector<std::string> names = {"s1", "s2", "s3", "servers", "door", "wide", "far", "s1s2", "door-s3", "all"};
  std::size_t passed = 0, both = 0, wide = 0;
  for (unsigned seed = 0; seed < 400; ++seed) {
    std::minstd_rand chance(seed * 7919 + 1);
    const auto below = [&](std::size_t n) { return static_cast<std::size_t>(chance() >> 4) % n; };
    std::vector<Policy> list(1 + below(4));
    for (auto& p : list) {
      p.accepts = below(2) == 0;
      for (std::size_t n = 1 + below(2); n > 0; --n) {
        const auto& name = names[below(names.size())];
        if (std::find(p.destinations.begin(), p.destinations.end(), name) == p.destinations.end()) p.destinations.push_back(name);
      }
      if (holds(p.destinations, 1) && holds(p.destinations, 0)) ++wide;
    }
    const bool any_door = below(8) == 0;
    const std::vector<std::vector<int>> mappings = {{1}, {2}, {3}, {1, 2}, {2, 3}};
    const auto text = kAddresses + vip(any_door ? "0.0.0.0" : "10.0.2.1") + proxy(mappings) + policies(list);
    take(text);
    const auto config = read_config(import->transaction.tree());
    ASSERT_EQ(config.proxy_policies.size(), list.size()) << text;
    for (const auto& servers : mappings) {
      const bool there = std::all_of(servers.begin(), servers.end(), [&](int s) {
        // An `all` in front leaves nothing to read in two ways.
        return surely_lets_through(list, any_door, s);
      });
      both += there;
      if (!lets_requests_through(config, servers)) continue;
      ++passed;
      ASSERT_TRUE(there) << "seed " << seed << '\n' << text << '\n' << print_tree(import->transaction.tree());
    }
  }
  // And it isn't that nothing is taken.
  EXPECT_GT(passed * 2, both) << passed << " of " << both;
  EXPECT_GT(wide, 50u);
}

TEST_F(DestinationImport, AGroupThatHoldsAllIsNoDestinationOfForwardedTcp) {
  const std::string groups = "config firewall addrgrp\nedit \"inner\"\nset member \"all\"\nnext\nedit \"outer\"\nset member \"srv\" \"inner\"\nnext\n"
                             "edit \"fine\"\nset member \"srv\"\nnext\nend\n";
  const auto with = [](const std::string& group) {
    return "config firewall access-proxy\nedit \"p\"\nset vip \"v\"\nconfig api-gateway\nedit 1\nset url-map \"/tcp\"\nset service tcp-forwarding\n"
           "config realservers\nedit 2\nset address \"" + group + "\"\nset mappedport 22\nnext\nend\nnext\nend\nnext\nend\n";
  };
  here(kLanAndServer + groups + "config firewall vip\nedit \"v\"\nset extip 10.0.2.1\nnext\nend\n");
  for (const auto& [group, fine] : {std::pair("inner", false), {"outer", false}, {"fine", true}, {"srv", true}}) {
    auto t = store->begin();
    ASSERT_TRUE(apply_text(t, with(group)));
    const auto valid = t.validate();
    EXPECT_EQ(valid.has_value(), fine) << group;
    if (fine) continue;
    EXPECT_EQ(valid.error().message, "firewall access-proxy p: api-gateway 1: realservers 2: address: the group " + std::string(group) +
                                         " holds all; allowed: an address or group of the hosts that are to be reached (take all out of the "
                                         "group, or name another)");
  }
  // Nor one that gets it later.
  here(with("fine"));
  auto t = store->begin();
  ASSERT_TRUE(apply_text(t, "config firewall addrgrp\nedit \"fine\"\nappend member \"all\"\nnext\nend\n"));
  EXPECT_FALSE(t.validate());
}

}  // namespace
}  // namespace postern::gateway::config::fortios
