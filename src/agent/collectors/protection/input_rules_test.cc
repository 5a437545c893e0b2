#include "agent/collectors/protection/input_rules.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "agent/collectors/protection/ruleset.h"
#include "agent/shell/network_lab.h"
#include "base/file.h"

namespace postern::agent {
namespace {

using Fate = InputRules::Fate;

/// A dump that was written down: of firewalld's and ufw's own rules, as their packages load them.
InputRules recorded(const char* name) {
  const auto bytes = read_file(std::string(POSTERN_SOURCE_DIR "/fuzz/corpus/agent_input_rules/") + name, 1u << 20);
  InputRules out;
  out.apply(as_bytes(bytes.value()));
  return out;
}

TEST(InputRules, OfFirewalldDropWhatItsZonesDoNotLetIn) {
  EXPECT_EQ(recorded("firewalld").of_ipv4(), Fate::kDropped);
  EXPECT_EQ(recorded("firewalld").of_ipv6(), Fate::kDropped);
}

TEST(InputRules, OfFirewalldWithAnInterfaceInATrustedZoneLetItAllIn) {
  EXPECT_EQ(recorded("firewalld_trusted").of_ipv4(), Fate::kAccepted);
  EXPECT_EQ(recorded("firewalld_trusted").of_ipv6(), Fate::kAccepted);
}

TEST(InputRules, OfUfwDropByItsPolicy) {
  const auto rules = recorded("ufw");
  EXPECT_EQ(rules.of_ipv4(), Fate::kDropped);
  EXPECT_EQ(rules.of_ipv6(), Fate::kAccepted);  // it was recorded for IPv4 only
}

TEST(InputRules, TornOnesSayNothingOfWhatIsMissing) {
  const auto bytes = read_file(POSTERN_SOURCE_DIR "/fuzz/corpus/agent_input_rules/maps", 1u << 20);
  const auto whole = as_bytes(bytes.value());
  for (std::size_t size = 0; size < whole.size(); size += 7) {
    InputRules rules;
    rules.apply(whole.first(size));
    rules.of_ipv4();
  }
  EXPECT_EQ(recorded("maps").of_ipv4(), Fate::kAccepted);
}

struct InputCase {
  const char* what;
  const char* chain;  // of a table of its own, with "policy drop" unless it says otherwise
  Fate v4;
  Fate v6;
};

constexpr const char* kDrops = "type filter hook input priority 0; policy drop;";
constexpr const char* kAccepts = "type filter hook input priority 0; policy accept;";

const InputCase kCases[] = {
    {"a policy", "", Fate::kDropped, Fate::kDropped},
    {"named ports", "tcp dport { 22, 80 } accept;", Fate::kDropped, Fate::kDropped},
    {"a sender", "ip saddr 10.0.0.0/8 accept;", Fate::kDropped, Fate::kDropped},
    {"open connections", "ct state established,related accept;", Fate::kDropped, Fate::kDropped},
    {"itself", "iif lo accept; iifname lo accept;", Fate::kDropped, Fate::kDropped},
    {"another protocol", "meta l4proto { icmp, esp } accept;", Fate::kDropped, Fate::kDropped},
    {"a map of ports", "tcp dport vmap { 22 : accept, 23 : drop };", Fate::kDropped, Fate::kDropped},
    {"a map of states", "ct state vmap { established : accept, invalid : drop };", Fate::kDropped, Fate::kDropped},
    {"an interface", "iifname eth1 accept;", Fate::kAccepted, Fate::kAccepted},
    {"all but one interface", "iifname != eth0 accept;", Fate::kAccepted, Fate::kAccepted},
    {"interfaces of a set", "iifname { lo, eth1 } accept;", Fate::kAccepted, Fate::kAccepted},
    {"an interface of a map", "iifname vmap { lo : accept, eth1 : accept };", Fate::kAccepted, Fate::kAccepted},
    {"new connections", "ct state new accept;", Fate::kAccepted, Fate::kAccepted},
    {"all of TCP", "meta l4proto tcp accept;", Fate::kAccepted, Fate::kAccepted},
    {"all of TCP and UDP", "meta l4proto { tcp, udp } accept;", Fate::kAccepted, Fate::kAccepted},
    {"a range of protocols", "meta l4proto 1-17 accept;", Fate::kAccepted, Fate::kAccepted},
    {"the upper protocols", "meta l4proto > 5 accept;", Fate::kAccepted, Fate::kAccepted},
    {"intervals of protocols", "meta l4proto { 0-100, 102-255 } accept;", Fate::kUnclear, Fate::kUnclear},
    {"an interval of all protocols", "meta l4proto { 0-255 } accept;", Fate::kAccepted, Fate::kAccepted},
    {"a map of protocols", "meta l4proto vmap { 0-255 : accept };", Fate::kUnclear, Fate::kUnclear},
    {"half of all protocols", "meta l4proto & 0xf0 == 0 accept;", Fate::kUnclear, Fate::kUnclear},
    {"all ports", "tcp dport 1-65535 accept;", Fate::kAccepted, Fate::kAccepted},
    {"some ports", "tcp dport 8000-8999 accept;", Fate::kDropped, Fate::kDropped},
    {"most ports", "tcp dport 1025-65535 accept;", Fate::kAccepted, Fate::kAccepted},
    {"both ports", "udp sport 67 udp dport 68 accept;", Fate::kDropped, Fate::kDropped},
    // What few packets have is told by its port, its sender or its protocol; of anything else nobody can say.
    {"the beginning of TCP", "tcp flags & (fin|syn|rst|ack) == syn accept;", Fate::kUnclear, Fate::kUnclear},
    {"a sender's port", "tcp sport 1024-65535 accept;", Fate::kUnclear, Fate::kUnclear},
    {"a window", "tcp window > 0 accept;", Fate::kUnclear, Fate::kUnclear},
    {"half of all ports", "tcp dport & 1 == 0 accept;", Fate::kUnclear, Fate::kUnclear},
    {"intervals of ports", "tcp dport { 1-32767, 32768-65535 } accept;", Fate::kUnclear, Fate::kUnclear},
    {"a map of all ports", "tcp dport vmap { 0-65535 : accept };", Fate::kUnclear, Fate::kUnclear},
    {"halves of all senders", "ip saddr 0.0.0.0/1 accept; ip saddr 128.0.0.0/1 accept;", Fate::kAccepted, Fate::kDropped},
    {"intervals of senders", "ip saddr { 0.0.0.0/1, 128.0.0.0/1 } accept;", Fate::kUnclear, Fate::kDropped},
    {"some senders", "ip saddr { 10.0.0.1, 10.0.0.2 } accept;", Fate::kDropped, Fate::kDropped},
    {"a mark", "meta mark 0 accept;", Fate::kUnclear, Fate::kUnclear},
    {"a mark of the connection", "ct mark 0 accept;", Fate::kUnclear, Fate::kUnclear},
    {"two things together", "ip saddr . tcp dport { 10.0.0.1 . 22 } accept;", Fate::kUnclear, Fate::kDropped},
    {"some senders in all", "jhash ip saddr mod 2 0 accept;", Fate::kUnclear, Fate::kDropped},
    {"all of IPv4", "meta nfproto ipv4 accept;", Fate::kAccepted, Fate::kDropped},
    {"a rate", "limit rate 5/second accept;", Fate::kAccepted, Fate::kAccepted},
    {"everything", "counter accept;", Fate::kAccepted, Fate::kAccepted},
    {"a last rule that comes first", "drop; accept;", Fate::kDropped, Fate::kDropped},
    {"what was translated", "ct status dnat accept;", Fate::kDropped, Fate::kDropped},
};

const InputCase kOpenCases[] = {
    {"no rule", "", Fate::kAccepted, Fate::kAccepted},
    {"a port that is dropped", "tcp dport 23 drop;", Fate::kAccepted, Fate::kAccepted},
    {"a last rule", "tcp dport 22 accept; counter log drop;", Fate::kDropped, Fate::kDropped},
    {"a last rule that rejects", "tcp dport 22 accept; reject;", Fate::kDropped, Fate::kDropped},
    {"a last rule for one family", "tcp dport 22 accept; meta nfproto ipv4 drop;", Fate::kDropped, Fate::kAccepted},
    {"a last rule for one interface", "iifname eth0 drop;", Fate::kAccepted, Fate::kAccepted},
};

void load(const std::string& script) { ASSERT_EQ(std::system(("nft '" + script + "'").c_str()), 0) << script; }

void expect(const InputCase& one, const char* base) {
  load("flush ruleset");
  load(std::string("table inet t { chain in { ") + base + " " + one.chain + " }; }");
  const auto rules = read_input_rules();
  ASSERT_TRUE(rules) << rules.error().message;
  EXPECT_EQ(rules->of_ipv4(), one.v4) << base << one.what;
  EXPECT_EQ(rules->of_ipv6(), one.v6) << base << one.what;
}

TEST(InputRules, OfTheKernelAreWhatNftWrote) {
  const bool allowed = in_own_network([] {
    for (const auto& one : kCases) expect(one, kDrops);
    for (const auto& one : kOpenCases) expect(one, kAccepts);
  });
  if (!allowed) GTEST_SKIP() << "no right to make a network namespace";
}

TEST(InputRules, ThatAreNarrowEachMayBeWideTogether) {
  const bool allowed = in_own_network([] {
    const auto fate = [](const std::string& rules) {
      load("flush ruleset");
      load("table ip t { chain in { " + std::string(kDrops) + rules + " }; }");
      return read_input_rules().value().of_ipv4();
    };
    const auto ports = [](int blocks) {
      std::string out;
      for (int i = 0; i < blocks; ++i) out += fmt::format(" tcp dport {}-{} accept;", i * 1024, i * 1024 + 1023);
      return out;
    };
    const auto networks = [](int many, const char* verdict) {
      std::string out;
      for (int i = 1; i <= many; ++i) out += fmt::format(" ip saddr {}.0.0.0/8 {};", i, verdict);
      return out;
    };
    EXPECT_EQ(fate(ports(8)), Fate::kDropped);
    EXPECT_EQ(fate(ports(9)), Fate::kUnclear);
    EXPECT_EQ(fate(networks(32, "accept")), Fate::kDropped);
    EXPECT_EQ(fate(networks(33, "accept")), Fate::kUnclear);
    EXPECT_EQ(fate(networks(100, "drop")), Fate::kDropped);
    // Of a sender and a port only what both name.
    std::string both;
    for (int i = 1; i <= 200; ++i) both += fmt::format(" ip saddr {}.0.0.0/8 tcp dport 22 accept;", i);
    EXPECT_EQ(fate(both), Fate::kDropped);
  });
  if (!allowed) GTEST_SKIP() << "no right to make a network namespace";
}

TEST(InputRules, ThatLetInWhatWasTranslatedAreAsNarrowAsWhatTranslatesIt) {
  const bool allowed = in_own_network([] {
    const auto fate = [](const std::string& rules) {
      load("flush ruleset");
      load("table ip f { chain in { type filter hook input priority 0; policy drop; ct status dnat accept; }; }; "
           "table ip n { chain ports { tcp dport 8080 redirect to :80; }; chain pre { type nat hook prerouting priority -100; " +
           rules + " }; chain post { type nat hook postrouting priority 100; snat to 10.0.0.1; }; }");
      return read_input_rules().value().of_ipv4();
    };
    EXPECT_EQ(fate(""), Fate::kDropped);
    EXPECT_EQ(fate("tcp dport 8080 redirect to :80; jump ports;"), Fate::kDropped);
    EXPECT_EQ(fate("ip saddr 10.0.0.0/8 dnat to 10.0.0.1;"), Fate::kDropped);
    EXPECT_EQ(fate("tcp dport 1-65535 redirect;"), Fate::kUnclear);
    EXPECT_EQ(fate("meta l4proto tcp redirect to :22;"), Fate::kUnclear);
    EXPECT_EQ(fate("dnat to 10.0.0.1;"), Fate::kUnclear);
    load("flush ruleset");
    load("table ip f { chain in { type filter hook input priority 0; policy drop; ct status ! confirmed accept; }; }");
    EXPECT_EQ(read_input_rules()->of_ipv4(), Fate::kUnclear);
  });
  if (!allowed) GTEST_SKIP() << "no right to make a network namespace";
}

TEST(InputRules, AreFollowedThroughChains) {
  const bool allowed = in_own_network([] {
    const auto fate = [](const std::string& script) {
      load("flush ruleset");
      load(script);
      return read_input_rules().value().of_ipv4();
    };
    const std::string in = " chain in { type filter hook input priority 0; policy accept; ";
    EXPECT_EQ(fate("table ip t { chain last { drop; };" + in + "jump last; }; }"), Fate::kDropped);
    EXPECT_EQ(fate("table ip t { chain last { iifname eth0 return; drop; };" + in + "jump last; }; }"),
              Fate::kAccepted);
    EXPECT_EQ(fate("table ip t { chain back { return; };" + in + "jump back; drop; }; }"), Fate::kDropped);
    EXPECT_EQ(fate("table ip t { chain back { return; };" + in + "goto back; drop; }; }"), Fate::kAccepted);
    // A set with a name may hold other interfaces in a moment.
    EXPECT_EQ(fate("table ip t { set known { type ifname; };" + in + "iifname @known accept; drop; }; }"),
              Fate::kUnclear);
    // One chain that drops is enough, wherever it stands; one of another hook is not.
    EXPECT_EQ(fate("table ip a {" + in + "}; }; table ip b {" + in + "drop; }; }"), Fate::kDropped);
    // Its chains are hooked nowhere, whatever stands in them.
    EXPECT_EQ(fate("table ip t { flags dormant; " + in + "drop; }; }"), Fate::kAccepted);
    EXPECT_FALSE(read_ruleset()->filters_input());
    load("add table ip t");
    EXPECT_EQ(read_input_rules()->of_ipv4(), Fate::kDropped);
    EXPECT_TRUE(read_ruleset()->filters_input());
    EXPECT_EQ(fate("table ip t { flags dormant; " + in + "}; }; table ip6 t {" + in + "drop; }; }"), Fate::kAccepted);
    EXPECT_EQ(fate("table ip t { chain f { type filter hook forward priority 0; policy drop; }; }"), Fate::kAccepted);
  });
  if (!allowed) GTEST_SKIP() << "no right to make a network namespace";
}

}  // namespace
}  // namespace postern::agent
