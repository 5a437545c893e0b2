// The promise of an import, tried out: of many texts made by chance, what is in force here lets no packet through that the
// original may refuse. The original is judged by a small model of its own, which knows nothing of the import.
#include <array>
#include <random>

#include "gateway/config/import/fortios_lab.h"
#include "gateway/config/model.h"

namespace postern::gateway::config::fortios {
namespace {

/// What nobody can say from here (an address by name, a user) is kMaybe.
enum class Match { kNo, kMaybe, kYes };

struct Packet {
  std::string in, out;
  bool six = false;
  int source = 0, destination = 0;  ///< The last byte of its addresses.
  bool tcp = true;
  int port = 0;

  IpAddress address(int host) const { return *IpAddress::parse((six ? "2001:db8::" : "10.0.0.") + std::to_string(host)); }
};

struct PolicyThere {
  int id = 0;
  bool on = true, accepts = false;
  bool narrowed = false;  ///< It may not match: what it doesn't match goes on to the next one.
  bool stops = false;     ///< It matches, and may stop what it matches.
  Value in, out, source, destination, source6, destination6, services;
};

class Original {
 public:
  explicit Original(unsigned seed) : random_(seed) {
    web_is_else_ = chance(15);
    rdp_is_told_ = chance(50);
    always_is_less_ = chance(5);
    portal_ = chance(10);
    acl_ = chance(3);
    groups_["g1"] = some({"a1", "a2", "a3", "name", "all"}, 2);
    groups_["g2"] = some({"g1", "a4", "net"}, 2);
    const int count = 1 + number(7);
    for (int id = 1; id <= count; ++id) policies_.push_back(policy(id));
    text_ = tables();
    if (chance(10)) move();
    if (chance(10)) remove();
  }

  /// The same policies in another order, some of them gone, some new.
  Original varied(unsigned seed) const {
    Original out = *this;
    out.random_.seed(seed);
    std::shuffle(out.policies_.begin(), out.policies_.end(), out.random_);
    if (out.policies_.size() > 1 && out.chance(50)) out.policies_.pop_back();
    if (out.chance(50)) out.policies_.insert(out.policies_.begin() + out.number(static_cast<int>(out.policies_.size()) + 1), out.policy(20));
    out.text_ = out.tables();
    return out;
  }

  const std::string& text() const { return text_; }
  /// Whatever the unknown may turn out to be.
  bool surely_lets_through(const Packet& p) const {
    if (acl_ || (portal_ && p.in == "p1")) return false;
    for (const auto& policy : policies_) {
      if (!policy.on) continue;
      const auto match = matches(policy, p);
      if (match != Match::kNo && policy.stops) return false;
      if (match == Match::kYes || (match == Match::kMaybe && !policy.accepts)) return policy.accepts;
    }
    return false;
  }

 private:
  int number(int below) { return static_cast<int>(random_() % static_cast<unsigned>(below)); }
  bool chance(int percent) { return number(100) < percent; }
  Value some(const Value& of, int most) {
    Value out;
    for (int i = 1 + number(most); i > 0; --i) {
      const auto& word = of[static_cast<std::size_t>(number(static_cast<int>(of.size())))];
      if (std::find(out.begin(), out.end(), word) == out.end()) out.push_back(word);
    }
    return out;
  }

  PolicyThere policy(int id) {
    static const Value kInterfaces = {"p1", "p2", "p3", "any", "any"};
    static const Value kNames = {"a1", "a2", "a3", "net", "g1", "g2", "all", "all", "all"};
    PolicyThere p;
    p.id = id;
    p.accepts = chance(60);
    p.on = !chance(5);
    p.narrowed = chance(10);
    p.stops = chance(5);
    p.in = some(kInterfaces, 2);
    p.out = some(kInterfaces, 2);
    if (chance(90)) {
      p.source = some(kNames, 2);
      p.destination = some(kNames, 2);
      if (chance(10)) p.destination = {"name"};
    }
    if (p.source.empty() || chance(20)) {
      p.source6 = some({"b1", "b2", "all"}, 1);
      if (chance(90)) p.destination6 = some({"b1", "b2", "all"}, 1);
    }
    p.services = some({"HTTP", "S", "RDP", "ALL", "ALL", "GRE"}, 2);
    return p;
  }

  static std::string set(const std::string& name, const Value& words) {
    if (words.empty()) return {};
    std::string out = "set " + name;
    for (const auto& word : words) out += " \"" + word + "\"";
    return out + '\n';
  }
  static std::string entry(const std::string& key, const std::string& lines) { return "edit \"" + key + "\"\n" + lines + "next\n"; }

  std::string tables() {
    std::string out = "config firewall address\n";
    for (int i = 1; i <= 4; ++i) out += entry("a" + std::to_string(i), "set subnet 10.0.0." + std::to_string(i) + "/32\n");
    out += entry("net", "set type iprange\nset start-ip 10.0.0.1\nset end-ip 10.0.0.2\n");
    out += entry("name", "set type fqdn\nset fqdn \"a.example\"\n") + "end\nconfig firewall address6\n";
    for (int i = 1; i <= 2; ++i) out += entry("b" + std::to_string(i), "set ip6 2001:db8::" + std::to_string(i) + "/128\n");
    out += "end\nconfig firewall addrgrp\n";
    for (const auto& [name, members] : groups_) out += entry(name, set("member", members));
    out += "end\nconfig firewall service custom\n" + entry("S", "set tcp-portrange 1000\nset udp-portrange 1000\n");
    out += entry("GRE", "set protocol IP\nset protocol-number 47\n");
    if (web_is_else_) out += entry("HTTP", "set tcp-portrange 8080\n");
    if (rdp_is_told_) out += entry("RDP", "set tcp-portrange 3389\n");
    out += "end\n";
    if (always_is_less_) out += "config firewall schedule recurring\n" + entry("always", "set day monday\n") + "end\n";
    if (portal_) out += "config system interface\n" + entry("p1", "set security-mode captive-portal\n") + "end\n";
    if (acl_) out += "config firewall acl\n" + entry("1", "set interface \"p1\"\n") + "end\n";
    const std::array narrowing = {"set groups \"staff\"\n", "set tos-mask 0xff\n", "set internet-service-src enable\n"};
    const std::array stopping = {"set av-profile \"default\"\n", "set http-policy-redirect enable\n", "set never-heard-of 1\n"};
    out += "config firewall policy\n";
    for (const auto& p : policies_) {
      std::string lines = set("srcintf", p.in) + set("dstintf", p.out) + set("srcaddr", p.source) + set("dstaddr", p.destination) +
                          set("srcaddr6", p.source6) + set("dstaddr6", p.destination6) + set("service", p.services) +
                          set("schedule", {"always"});
      if (p.accepts) lines += "set action accept\n";
      if (!p.on) lines += "set status disable\n";
      if (p.narrowed) lines += narrowing[static_cast<std::size_t>(number(narrowing.size()))];
      if (p.stops) lines += stopping[static_cast<std::size_t>(number(stopping.size()))];
      out += "edit " + std::to_string(p.id) + '\n' + lines + "next\n";
    }
    return out + "end\n";
  }
  void move() {
    const auto last = policies_.back();
    text_ += "config firewall policy\nmove " + std::to_string(last.id) + " before " + std::to_string(policies_[0].id) + "\nend\n";
    policies_.pop_back();
    policies_.insert(policies_.begin(), last);
  }
  void remove() {
    text_ += "config firewall policy\ndelete " + std::to_string(policies_[0].id) + "\nend\n";
    policies_.erase(policies_.begin());
  }

  Match holds(const std::string& name, int host) const {
    if (name == "all") return Match::kYes;
    if (name == "name") return Match::kMaybe;
    if (name == "net") return host <= 2 ? Match::kYes : Match::kNo;
    if (const auto group = groups_.find(name); group != groups_.end()) return holds_one(group->second, host);
    return name.substr(1) == std::to_string(host) ? Match::kYes : Match::kNo;
  }
  Match holds_one(const Value& names, int host) const {
    Match best = Match::kNo;
    for (const auto& name : names) best = std::max(best, holds(name, host));
    return best;
  }
  bool serves(const std::string& service, const Packet& p) const {
    if (service == "ALL") return true;
    if (service == "S") return p.port == 1000;
    if (service == "HTTP") return p.tcp && p.port == (web_is_else_ ? 8080 : 80);
    return service == "RDP" && p.tcp && p.port == 3389;
  }
  static bool passes(const Value& interfaces, const std::string& name) {
    return std::any_of(interfaces.begin(), interfaces.end(), [&](const auto& i) { return i == "any" || i == name; });
  }
  Match matches(const PolicyThere& policy, const Packet& p) const {
    if (!passes(policy.in, p.in) || !passes(policy.out, p.out)) return Match::kNo;
    if (std::none_of(policy.services.begin(), policy.services.end(), [&](const auto& s) { return serves(s, p); })) return Match::kNo;
    const auto match = std::min(holds_one(p.six ? policy.source6 : policy.source, p.source),
                                holds_one(p.six ? policy.destination6 : policy.destination, p.destination));
    return policy.narrowed || always_is_less_ ? std::min(match, Match::kMaybe) : match;
  }

  std::mt19937 random_;
  bool web_is_else_ = false, rdp_is_told_ = false, always_is_less_ = false, portal_ = false, acl_ = false;
  std::map<std::string, Value> groups_;
  std::vector<PolicyThere> policies_;
  std::string text_;
};

bool lets_through(const GatewayConfig& config, const Packet& p) {
  const auto passes = [](const std::vector<std::string>& interfaces, const std::string& name) {
    return std::any_of(interfaces.begin(), interfaces.end(), [&](const auto& i) { return i == "any" || i == name; });
  };
  const auto holds = [&](const std::vector<std::string>& names, const IpAddress& address) {
    return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
      const auto* found = find_named(config.addresses, name);
      return found && (found->all || std::any_of(found->ranges.begin(), found->ranges.end(),
                                                 [&](const IpRange& range) { return range.contains(address); }));
    });
  };
  const auto serves = [&](const std::string& name) {
    const auto* service = find_named(config.services, name);
    if (service->protocol == ServiceConfig::Protocol::kAny) return true;
    const auto& ports = p.tcp ? service->tcp : service->udp;
    return std::any_of(ports.begin(), ports.end(), [&](const auto& range) { return range.first <= p.port && p.port <= range.last; });
  };
  for (const auto& policy : config.firewall_policies) {
    if (!policy.enabled || !passes(policy.from, p.in) || !passes(policy.to, p.out)) continue;
    if (!holds(policy.sources, p.address(p.source)) || !holds(policy.destinations, p.address(p.destination))) continue;
    if (std::any_of(policy.services.begin(), policy.services.end(), serves)) return policy.action == Action::kAccept;
  }
  return false;
}

/// Each packet that the tests try: from and to these interfaces, some hosts, some ports.
template <class Each>
void each_packet(const Value& interfaces, const Each& each) {
  constexpr std::array<std::pair<bool, int>, 6> kPorts = {
      {{true, 80}, {true, 1000}, {true, 3389}, {true, 8080}, {false, 1000}, {false, 3389}}};
  for (const auto& in : interfaces) {
    for (const auto& out : interfaces) {
      for (int n = 0; n < 2 * 3 * 3 * 6; ++n) {
        const auto& [tcp, port] = kPorts[static_cast<std::size_t>(n % 6)];
        each(Packet{in, out, n / 6 % 2 == 1, 1 + n / 12 % 3, 1 + n / 36 % 3, tcp, port});
      }
    }
  }
}

std::string words(const Packet& p) {
  return (p.six ? "IPv6 " : "IPv4 ") + std::to_string(p.source) + " -> " + std::to_string(p.destination) + ' ' + p.in + " -> " +
         p.out + (p.tcp ? " tcp " : " udp ") + std::to_string(p.port);
}

using NeverMore = FortiosLab;

TEST_F(NeverMore, IsLetThroughThanTheOriginalLets) {
  std::size_t passed = 0, both = 0;
  for (unsigned seed = 0; seed < 500; ++seed) {
    const Original original(seed);
    const bool known = seed % 2 == 0;
    take(original.text(), known ? std::vector<std::string>{"p1", "p2"} : std::vector<std::string>{});
    const auto config = read_config(import->transaction.tree());
    each_packet(known ? Value{"p1", "p2"} : Value{"p1", "p2", "p3"}, [&](const Packet& p) {
      const bool there = original.surely_lets_through(p);
      both += there;
      if (!lets_through(config, p)) return;
      ++passed;
      ASSERT_TRUE(there) << "seed " << seed << ": " << words(p) << '\n'
                         << original.text() << '\n' << print_tree(import->transaction.tree());
    });
    if (HasFatalFailure()) return;
  }
  // And it isn't that nothing is taken.
  EXPECT_GT(passed * 4, both) << passed << " of " << both;
}

TEST_F(NeverMore, IsLetThroughThanWasAndThanTheOriginalLets) {
  std::size_t passed = 0, news = 0, both = 0;
  for (unsigned seed = 0; seed < 500; ++seed) {
    store = ConfigStore::in_memory(gateway_schema());
    const Original first(1000 + seed), second = seed % 2 == 0 ? Original(2000 + seed) : first.varied(seed);
    take(first.text());
    ASSERT_TRUE(store->commit(import->transaction));
    const auto before = read_config(*store->current());
    take(second.text());
    const auto after = read_config(import->transaction.tree());
    each_packet({"p1", "p2", "p3"}, [&](const Packet& p) {
      const bool was = lets_through(before, p), there = second.surely_lets_through(p);
      both += there && !was;
      if (!lets_through(after, p)) return;
      ++passed;
      news += !was;
      ASSERT_TRUE(was || there) << "seed " << seed << ": " << words(p) << '\n'
                                << print_tree(*store->current()) << '\n' << second.text() << '\n'
                                << print_tree(import->transaction.tree());
    });
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(news * 8, both) << news << " of " << both << " that are new, " << passed << " in all";
}

}  // namespace
}  // namespace postern::gateway::config::fortios
