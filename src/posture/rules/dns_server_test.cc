#include <gmock/gmock.h>

#include "posture/rules/rule_lab.h"

namespace postern::posture {
namespace dns_server_rule {
namespace {

using namespace testing;
using ::testing::HasSubstr;
using enum Verdict;
using List = std::vector<std::string>;

FactMap servers(List list) { return {{std::string(keys::kDnsServers), known(std::move(list))}}; }

TEST(DnsServer, AnyAllAndOnly) {
  const List both{"10.0.1.1", "2001:db8::/64"};
  const auto any = make("dns-server", {{"servers", both}});
  const auto all = make("dns-server", {{"servers", both}, {"match", "all"}});
  const auto only = make("dns-server", {{"servers", both}, {"only", true}});
  struct Row {
    List servers;
    bool any, all;
    const char* only;
  };
  const Row rows[] = {{{}, false, false, "dns_server_not_used"},
                      {{"10.0.1.2"}, false, false, "dns_server_not_used"},
                      {{"10.0.1.1"}, true, false, "dns_server_used"},
                      {{"2001:DB8:0:0:0::5"}, true, false, "dns_server_used"},
                      {{"10.0.1.1", "8.8.8.8"}, true, false, "dns_server_other"},
                      {{"2001:db8::5", "10.0.1.1"}, true, true, "dns_server_used"}};
  for (const Row& row : rows) {
    SCOPED_TRACE(::testing::PrintToString(row.servers));
    expect(*any, servers(row.servers), row.any ? kMatch : kNoMatch, row.any ? "dns_server_used" : "dns_server_not_used");
    expect(*all, servers(row.servers), row.all ? kMatch : kNoMatch, row.all ? "dns_server_used" : "dns_server_not_used");
    expect(*only, servers(row.servers), std::string_view(row.only) == "dns_server_used" ? kMatch : kNoMatch, row.only);
  }
  for (const auto* rule : {any.get(), all.get(), only.get()}) expect_unknowns(*rule, {}, keys::kDnsServers, text("10.0.1.1"));
  expect(*any, servers({"x"}), kUnknown, "address_malformed");
  expect(*any, servers({"x", "10.0.1.1"}), kMatch, "dns_server_used");
  expect(*only, servers({"x", "10.0.1.1"}), kUnknown, "address_malformed");
  expect(*only, servers({"x", "10.0.1.1", "8.8.8.8"}), kNoMatch, "dns_server_other");
  EXPECT_EQ(any->describe(), "it asks the DNS servers 10.0.1.1 or 2001:db8::/64");
  EXPECT_EQ(only->describe(), "it asks the DNS servers 10.0.1.1 or 2001:db8::/64 and no others");
}

TEST(DnsServer, Refusals) {
  EXPECT_THAT(refusal("dns-server", {}), HasSubstr("servers: is missing"));
  EXPECT_THAT(refusal("dns-server", {{"servers", List{"10.0.1.1", "ns1.example.org"}}}),
              HasSubstr("servers[1]: \"ns1.example.org\" is not a range of addresses; write 10.0.1.0/24"));
  EXPECT_THAT(refusal("dns-server", {{"servers", List{"10.0.1.1"}}, {"only", "yes"}}), HasSubstr("only: must be true or false"));
}

}  // namespace
}  // namespace dns_server_rule
}  // namespace postern::posture
