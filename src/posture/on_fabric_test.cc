#include "posture/on_fabric.h"

#include <gmock/gmock.h>

#include "posture/on_fabric_json.h"
#include "posture/test_facts.h"

namespace postern::posture {
namespace on_fabric_rule {
namespace {

using namespace testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using enum Verdict;
using List = std::vector<std::string>;

OnFabricDetection detection(DetectionSets sets) {
  auto out = OnFabricDetection::compile(std::move(sets));
  EXPECT_TRUE(out.has_value()) << (out ? "" : out.error().message);
  return out ? std::move(*out) : OnFabricDetection();
}

std::string refusal(DetectionSets sets) {
  const auto out = OnFabricDetection::compile(std::move(sets));
  return out ? "" : out.error().message;
}
std::string rule_refusal(DetectionRule rule) { return refusal(DetectionSets{{"Office", {std::move(rule)}}}); }

FactMap facts_with(std::initializer_list<std::pair<std::string_view, Fact>> list) {
  FactMap out = linux_facts();
  for (const auto& [key, fact] : list) out[std::string(key)] = fact;
  return out;
}

Route gateway(const char* ip, const char* mac) {
  Route out;
  out.interface = "eth0";
  out.gateway_ip = *IpAddress::parse(ip);
  if (*mac != '\0') out.gateway_mac = *MacAddress::parse(mac);
  return out;
}

/// A detection rule by itself, and facts in which it holds, doesn't, and can't be told.
struct Row {
  DetectionRule rule;
  FactMap yes;
  FactMap no;
  FactMap open;
  const char* open_reason;
  const char* text;
};

std::vector<Row> rows() {
  constexpr const char* kMac = "02:09:0f:00:01:02";
  const auto dhcp = [](List list) { return facts_with({{keys::kDhcpServers, known(std::move(list))}}); };
  const auto links = [](List list) { return facts_with({{keys::kLinkTypes, known(std::move(list))}}); };
  const auto routes = [](Route route) { return facts_with({{keys::kRoutes, known(std::vector<Route>{std::move(route)})}}); };
  const auto one = [](std::string_view key, Fact fact) { return facts_with({{key, std::move(fact)}}); };
  const auto interfaces = [](const char* address, const char* mac) {
    return facts_with({{keys::kInterfaces, known(std::vector<Interface>{interface("eth0", {address})})},
                       {keys::kRoutes, known(std::vector<Route>{gateway("10.0.1.1", mac)})}});
  };
  const Fact denied = unknown(UnknownReason::kDenied);
  return {
      {{"dhcp-server", {{"addresses", List{"10.0.1.1"}}}}, dhcp({"10.0.1.1", kMac}), dhcp({"10.0.1.2", kMac}), dhcp({"x"}),
       "address_malformed", "a DHCP server is 10.0.1.1"},
      {{"dhcp-server", {{"macs", List{kMac}}}}, dhcp({"10.0.1.1", kMac}), dhcp({"10.0.1.1", "02:09:0f:00:01:03"}),
       dhcp({"10.0.1.1"}), "dhcp_mac_unknown", "a DHCP server has the hardware address 02:09:0f:00:01:02"},
      {{"dhcp-server", {{"options", List{"office", "lab"}}}}, one(keys::kDhcpOptions, known(List{"15=x", "224=lab"})),
       one(keys::kDhcpOptions, known(List{"15=office", "224=Office"})), one(keys::kDhcpOptions, denied), "denied",
       "DHCP option 224 is office or lab"},
      {{"dns-server", {{"servers", List{"10.0.1.1"}}, {"only", true}}}, one(keys::kDnsServers, known(List{"10.0.1.1"})),
       one(keys::kDnsServers, known(List{"10.0.1.1", "8.8.8.8"})), one(keys::kDnsServers, denied), "denied",
       "it asks the DNS servers 10.0.1.1 and no others"},
      {{"dns-request", {{"name", "intra.example.org"}, {"addresses", List{"10.0.0.0/8"}}}},
       one("net.resolves:intra.example.org", known(List{"192.0.2.1", "10.1.1.1"})),
       one("net.resolves:intra.example.org", known(List{"192.0.2.1"})), one("net.resolves:intra.example.org", denied),
       "denied", "intra.example.org is resolved to 10.0.0.0/8"},
      {{"dns-request", {{"name", "intra.example.org"}}}, one("net.resolves:intra.example.org", known(List{"192.0.2.1"})),
       one("net.resolves:intra.example.org", known(List{})), {}, "not_reported", "intra.example.org is resolved"},
      {{"ems-connection", {}}, one(keys::kEmsOnline, known(true)), one(keys::kEmsOnline, known(false)), {}, "not_reported",
       "the endpoint's telemetry is connected to the EMS"},
      {{"local-subnet", {{"ranges", List{"10.0.1.0/24"}}}}, interfaces("10.0.1.255", ""), interfaces("10.0.2.0", ""), {},
       "not_reported", "an address of its own is in 10.0.1.0/24"},
      {{"local-subnet", {{"ranges", List{"10.0.1.0/24"}}, {"gateway_macs", List{kMac}}}}, interfaces("10.0.1.2", kMac),
       interfaces("10.0.1.2", "02:09:0f:00:01:03"), interfaces("10.0.1.2", ""), "gateway_mac_unknown",
       "an address of its own is in 10.0.1.0/24 and a default gateway has the hardware address 02:09:0f:00:01:02"},
      {{"default-gateway", {{"addresses", List{"10.0.1.1"}}, {"macs", List{kMac}}}}, routes(gateway("10.0.1.1", kMac)),
       routes(gateway("10.0.1.2", kMac)), routes(gateway("10.0.1.1", "")), "gateway_mac_unknown",
       "a default gateway is 10.0.1.1 and has the hardware address 02:09:0f:00:01:02"},
      {{"ping-server", {{"hosts", List{"10.0.1.1", "srv.example.org"}}}},
       facts_with({{"net.pings:10.0.1.1", known(false)}, {"net.pings:srv.example.org", known(true)}}),
       facts_with({{"net.pings:10.0.1.1", known(false)}, {"net.pings:srv.example.org", known(false)}}),
       facts_with({{"net.pings:10.0.1.1", known(false)}, {"net.pings:srv.example.org", denied}}), "denied",
       "10.0.1.1 or srv.example.org answers a ping"},
      {{"public-ip", {{"ranges", List{"203.0.113.0/28"}}}}, one(keys::kEmsPublicIp, text("203.0.113.15")),
       one(keys::kEmsPublicIp, text("203.0.113.16")), one(keys::kEmsPublicIp, denied), "denied",
       "the address that the EMS sees is in 203.0.113.0/28"},
      {{"connection-media", {{"media", "ethernet"}}}, links({"ethernet"}), links({"wifi", "vpn"}), {}, "not_reported",
       "the endpoint is connected by ethernet"},
      {{"connection-media", {{"media", "wifi"}, {"ssids", List{"Office"}}}}, links({"wifi", "wifi:Office"}),
       links({"wifi", "wifi:Cafe"}), links({"wifi"}), "ssid_unknown",
       "the endpoint is connected by the wireless network Office"},
      {{"vpn-tunnel", {}}, links({"ethernet", "vpn"}), links({"ethernet"}), {}, "not_reported",
       "the endpoint is connected by vpn"},
      {{"web-request", {{"urls", List{"https://intra.example.org/up"}}}},
       one("net.web_answers:https://intra.example.org/up", known(true)),
       one("net.web_answers:https://intra.example.org/up", known(false)), {}, "not_reported",
       "https://intra.example.org/up answers"},
  };
}

TEST(OnFabric, EachTypeHoldsAndDoesntAndCantBeTold) {
  std::vector<std::string> seen;
  for (const Row& row : rows()) {
    SCOPED_TRACE(row.text);
    seen.push_back(row.rule.type);
    const auto d = detection({{"Office", {row.rule}}});
    const auto judge = [&](const FactMap& facts) { return d.judge({facts, kNow}); };
    EXPECT_EQ(judge(row.yes).verdict, kMatch);
    EXPECT_EQ(judge(row.yes).reason->code, "on_fabric_detected");
    EXPECT_EQ(judge(row.no).verdict, kNoMatch);
    EXPECT_EQ(judge(row.no).reason->code, "on_fabric_not_detected");
    EXPECT_EQ(judge(row.open).verdict, kUnknown);
    EXPECT_EQ(judge(row.open).reason->code, row.open_reason);
    EXPECT_EQ(judge({}).verdict, kUnknown);
    const auto why = d.explain({row.yes, kNow});
    ASSERT_EQ(why.size(), 1u);
    ASSERT_EQ(why[0].rules.size(), 1u);
    EXPECT_EQ(why[0].rules[0].condition, row.text);
    for (const auto& [key, fact] : row.yes) {
      const bool read = std::find(d.keys().begin(), d.keys().end(), key) != d.keys().end();
      EXPECT_TRUE(read || key == keys::kRoutes) << key;
    }
    const FactView view(row.yes, kNow);
    d.judge(view);
    EXPECT_EQ(view.until(), WallTime::max());
  }
  for (const RuleType* type : detection_types()) {
    EXPECT_NE(std::find(seen.begin(), seen.end(), type->name), seen.end()) << type->name << " has no row";
    EXPECT_FALSE(type->title.empty() || type->help.empty() || type->facts.empty()) << type->name;
    for (const auto& parameter : type->parameters) EXPECT_FALSE(parameter.help.empty()) << parameter.name;
  }
}

TEST(OnFabric, OfOneTypeAnyOfDifferentTypesAllOfSetsAny) {
  const auto ping = [](const char* host) { return DetectionRule{"ping-server", {{"hosts", List{host}}}}; };
  const DetectionRule vpn{"vpn-tunnel", {}};
  const Fact values[] = {known(false), unknown(UnknownReason::kDenied), known(true)};
  const Verdict verdicts[] = {kNoMatch, kUnknown, kMatch};
  const auto links = [](int vpn_is) {
    return vpn_is == 0   ? known(List{"ethernet"})
           : vpn_is == 1 ? unknown(UnknownReason::kDenied)
                         : known(List{"vpn"});
  };
  const auto d = detection({{"Office", {ping("a"), vpn, ping("b")}}});
  const auto two = detection({{"Office", {ping("a"), vpn}}, {"Lab", {ping("b")}}});
  for (int a = 0; a < 3; ++a) {
    for (int b = 0; b < 3; ++b) {
      for (int v = 0; v < 3; ++v) {
        const FactMap facts = facts_with({{"net.pings:a", values[a]}, {"net.pings:b", values[b]}, {keys::kLinkTypes, links(v)}});
        const FactView view(facts, kNow);
        EXPECT_EQ(d.judge(view).verdict, verdict_and(verdict_or(verdicts[a], verdicts[b]), verdicts[v])) << a << b << v;
        EXPECT_EQ(two.judge(view).verdict, verdict_or(verdict_and(verdicts[a], verdicts[v]), verdicts[b])) << a << b << v;
        const auto why = two.explain(view);
        ASSERT_EQ(why.size(), 2u);
        EXPECT_EQ(why[0].verdict, verdict_and(verdicts[a], verdicts[v]));
        EXPECT_EQ(why[1].verdict, verdicts[b]);
        EXPECT_EQ(why[0].rules[1].type, "vpn-tunnel");
        EXPECT_EQ(why[0].rules[1].verdict, verdicts[v]);
        ASSERT_EQ(why[0].rules[1].facts.size(), 1u);
        EXPECT_EQ(why[0].rules[1].facts[0].key, keys::kLinkTypes);
      }
    }
  }
  EXPECT_THAT(two.keys(), ElementsAre("net.link_types", "net.pings:a", "net.pings:b", "os.family"));
}

TEST(OnFabric, AgentsAreAskedForTheirOwnFactsOnly) {
  const auto d = detection({{"Office",
                             {{"ems-connection", {}},
                              {"public-ip", {{"ranges", List{"203.0.113.0/24"}}}},
                              {"dhcp-server", {{"addresses", List{"10.0.1.1"}}, {"options", List{"x"}}}}}},
                            {"Lab", {{"dhcp-server", {{"macs", List{"02:09:0f:00:01:02"}}}}}}});
  EXPECT_THAT(d.keys(), ElementsAre("ems.online", "ems.public_ip", "net.dhcp_options", "net.dhcp_servers", "os.family"));
  EXPECT_THAT(d.required_facts(), ElementsAre("net.dhcp_options", "net.dhcp_servers"));
}

TEST(OnFabric, OfASystemThatNobodyKnowsNothingIsSaid) {
  const auto d = detection({{"Office", {{"ems-connection", {}}}}});
  for (const bool online : {true, false}) {
    FactMap facts = facts_with({{keys::kEmsOnline, known(online)}});
    for (const OsFamily os : kAllOsFamilies) {
      facts[std::string(keys::kOsFamily)] = known(std::string(os_family_name(os)));
      EXPECT_EQ(d.judge({facts, kNow}).verdict, verdict_of(online)) << os_family_name(os);
    }
    const auto expect_unknown = [&](std::string_view reason) {
      EXPECT_EQ(d.judge({facts, kNow}).verdict, kUnknown) << reason;
      EXPECT_EQ(d.judge({facts, kNow}).reason->code, reason);
      const auto why = d.explain({facts, kNow});
      EXPECT_EQ(why[0].verdict, kUnknown);
      EXPECT_EQ(why[0].rules[0].verdict, kUnknown);
      EXPECT_EQ(why[0].rules[0].reason, reason);
      EXPECT_EQ(why[0].rules[0].facts[0].key, keys::kOsFamily);
    };
    facts[std::string(keys::kOsFamily)] = text("plan9");
    expect_unknown("os_unsupported");
    facts[std::string(keys::kOsFamily)] = unknown(UnknownReason::kDenied);
    expect_unknown("denied");
    facts.erase(std::string(keys::kOsFamily));
    expect_unknown("not_reported");
  }
}

TEST(OnFabric, WithoutSetsNobodyKnows) {
  for (const OnFabricDetection& none : {OnFabricDetection(), detection({})}) {
    const FactMap facts = facts_with({{keys::kEmsOnline, known(true)}});
    EXPECT_EQ(none.judge({facts, kNow}).verdict, kUnknown);
    EXPECT_EQ(none.judge({facts, kNow}).reason->code, "no_detection_sets");
    EXPECT_TRUE(none.keys().empty());
    EXPECT_TRUE(none.explain({facts, kNow}).empty());
  }
}

TEST(OnFabric, Refusals) {
  const DetectionRule online{"ems-connection", {}};
  EXPECT_THAT(rule_refusal({"dhcp", {}}), HasSubstr("sets[0]: rules[0]: type: \"dhcp\" is not known; it must be one of dhcp-server, "));
  EXPECT_THAT(rule_refusal({"ems-connection", {{"x", true}}}), HasSubstr("sets[0]: rules[0] (ems-connection): \"x\": there is no such"));
  EXPECT_THAT(rule_refusal({"dhcp-server", {}}), HasSubstr("at least one of addresses, macs and options"));
  EXPECT_THAT(rule_refusal({"dhcp-server", {{"addresses", List{"x"}}}}), HasSubstr("addresses[0]: \"x\" is not a range"));
  EXPECT_THAT(rule_refusal({"dhcp-server", {{"macs", List{"x"}}}}), HasSubstr("macs[0]: \"x\" is no hardware address"));
  EXPECT_THAT(rule_refusal({"dns-server", {{"servers", List{"x"}}}}), HasSubstr("servers[0]: \"x\" is not a range"));
  EXPECT_THAT(rule_refusal({"dns-request", {{"name", "a b"}}}), HasSubstr("name: \"a b\" is no host's name"));
  EXPECT_THAT(rule_refusal({"dns-request", {{"name", "10.0.1.1"}}}), HasSubstr("is no host's name"));
  EXPECT_THAT(rule_refusal({"dns-request", {{"name", "a"}, {"addresses", List{"x"}}}}), HasSubstr("addresses[0]: "));
  EXPECT_THAT(rule_refusal({"local-subnet", {}}), HasSubstr("ranges: is missing"));
  EXPECT_THAT(rule_refusal({"local-subnet", {{"ranges", List{"x"}}}}), HasSubstr("ranges[0]: \"x\" is not a range"));
  EXPECT_THAT(rule_refusal({"local-subnet", {{"ranges", List{"10.0.1.0/24"}}, {"gateway_macs", List{"x"}}}}),
              HasSubstr("gateway_macs[0]: \"x\" is no hardware address"));
  EXPECT_THAT(rule_refusal({"default-gateway", {}}), HasSubstr("give addresses, macs or both"));
  for (const char* bad : {"-n", ".a", "a/b", "a;b", "$(x)", "a b"}) {
    EXPECT_THAT(rule_refusal({"ping-server", {{"hosts", List{bad}}}}), HasSubstr("is neither a host's name nor an address")) << bad;
  }
  EXPECT_EQ(rule_refusal({"ping-server", {{"hosts", List{"2001:db8::1", "a-b.example.org"}}}}), "");
  EXPECT_THAT(rule_refusal({"public-ip", {{"ranges", List{"x"}}}}), HasSubstr("ranges[0]: \"x\" is not a range"));
  EXPECT_THAT(rule_refusal({"connection-media", {}}), HasSubstr("media: is missing; it must be one of ethernet, wifi"));
  EXPECT_THAT(rule_refusal({"connection-media", {{"media", "ethernet"}, {"ssids", List{"x"}}}}), HasSubstr("ssids: belongs to"));
  for (const char* bad : {"intra.example.org", "ftp://x", "https://", "https:///x", "https://a b", "https://a@b/"}) {
    EXPECT_THAT(rule_refusal({"web-request", {{"urls", List{bad}}}}), HasSubstr("is no address of a web server; write it as")) << bad;
  }
  EXPECT_THAT(refusal(DetectionSets{{"", {online}}}), HasSubstr("sets[0]: name: \"\" is not allowed; it has 1 to 63 bytes"));
  EXPECT_THAT(refusal(DetectionSets{{std::string(64, 'x'), {online}}}), HasSubstr("is not allowed"));
  EXPECT_THAT(refusal(DetectionSets{{" x", {online}}}), HasSubstr("is not allowed"));
  EXPECT_THAT(refusal(DetectionSets{{"a", {online}}, {"a", {online}}}), HasSubstr("sets[1]: name: \"a\" is another set's already"));
  EXPECT_THAT(refusal(DetectionSets{{"a", {}}}), HasSubstr("sets[0]: rules: there are 0, allowed are 1 to 32"));
  EXPECT_THAT(refusal(DetectionSets{{"a", std::vector(33, online)}}), HasSubstr("there are 33, allowed are 1 to 32"));
  DetectionSets many;
  for (int i = 0; i < 33; ++i) many.push_back({"set " + std::to_string(i), {online}});
  EXPECT_THAT(refusal(many), HasSubstr("sets: there are 33, allowed are 32"));
}

TEST(OnFabricJson, RoundTrip) {
  DetectionSets sets{{"All", {}}};
  for (Row& row : rows()) sets[0].rules.push_back(std::move(row.rule));
  sets.push_back({"Büro \"2\"", {{"ems-connection", {}}}});
  const auto again = parse_detection_json(print_detection_json(sets));
  ASSERT_TRUE(again.has_value()) << again.error().message;
  EXPECT_EQ(*again, sets);
  EXPECT_EQ(print_detection_json({}), R"({"sets":[]})");
  EXPECT_EQ(parse_detection_json(R"({"sets":[]})").value(), DetectionSets{});
  EXPECT_EQ(print_detection_json({{"a", {{"public-ip", {{"ranges", List{"10.0.0.0/8"}}}}}}}),
            R"({"sets":[{"name":"a","rules":[{"type":"public-ip","ranges":["10.0.0.0/8"]}]}]})");
}

TEST(OnFabricJson, Refusals) {
  const auto why = [](std::string_view json) {
    const auto out = parse_detection_json(json);
    return out ? std::string("accepted") : out.error().message;
  };
  EXPECT_THAT(why(""), HasSubstr("not valid JSON"));
  EXPECT_THAT(why(R"({"sets":[]} x)"), HasSubstr("not valid JSON"));
  EXPECT_THAT(why("[]"), HasSubstr("must be an object with sets"));
  EXPECT_THAT(why("{}"), HasSubstr("sets: is missing"));
  EXPECT_THAT(why(R"({"sets":[],"set":[]})"), HasSubstr("\"set\": there is no such field"));
  EXPECT_THAT(why(R"({"sets":[],"sets":[]})"), HasSubstr("is given twice"));
  EXPECT_THAT(why(R"({"sets":{}})"), HasSubstr("sets: an object must be a list of sets"));
  EXPECT_THAT(why(R"({"sets":[1]})"), HasSubstr("sets[0]: 1 must be an object with name and rules"));
  EXPECT_THAT(why(R"({"sets":[{"rules":[]}]})"), HasSubstr("sets[0]: name: is missing"));
  EXPECT_THAT(why(R"({"sets":[{"name":"a"}]})"), HasSubstr("sets[0]: rules: is missing"));
  EXPECT_THAT(why(R"({"sets":[{"name":1,"rules":[]}]})"), HasSubstr("sets[0]: name: 1 must be a text"));
  EXPECT_THAT(why(R"({"sets":[{"name":"a","rules":{}}]})"), HasSubstr("sets[0]: rules: an object must be a list of rules"));
  EXPECT_THAT(why(R"({"sets":[{"name":"a","rules":[],"x":1}]})"), HasSubstr("sets[0]: x: there is no such field"));
  EXPECT_THAT(why(R"({"sets":[{"name":"a","rules":[1]}]})"), HasSubstr("sets[0]: rules[0]: 1 must be an object with a type"));
  EXPECT_THAT(why(R"({"sets":[{"name":"a","rules":[{}]}]})"), HasSubstr("sets[0]: rules[0]: type: is missing"));
  EXPECT_THAT(why(R"({"sets":[{"name":"a","rules":[{"type":"vpn-tunnel","x":{}}]}]})"), HasSubstr("rules[0]: x: an object must be"));
  EXPECT_THAT(why(R"({"sets":[{"name":"a","rules":[{"type":"public-ip"}]}]})"),
              HasSubstr("sets[0]: rules[0] (public-ip): ranges: is missing"));
  EXPECT_THAT(why(std::string(kMaxDetectionJsonBytes + 1, ' ')), HasSubstr("on-fabric detection has 524289 bytes, allowed are 524288"));
  EXPECT_THAT(why(std::string(20, '[')), HasSubstr("not valid JSON"));
}

}  // namespace
}  // namespace on_fabric_rule
}  // namespace postern::posture
