#include "posture/explain.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "posture/test_facts.h"

namespace postern::posture {
namespace {

using namespace testing;

TEST(TagEngine, AnAgeIsNeverNegative) {
  FactMap facts = linux_facts();
  facts[std::string(keys::kOsFamily)].collected_at = kNow.wall + Seconds(10);
  EXPECT_EQ(read_fact({facts, kNow}, keys::kOsFamily).age, Millis(0));
}

TEST(Explain, WhyAFactIsUnknownIsNotItsSource) {
  FactMap facts = linux_facts();
  const std::string key(keys::kOsFamily);
  facts[key] = {Unknown{UnknownReason::kFailed}, kNow.wall, "/etc/x: it is larger than 16 MiB"};
  const auto reading = read_fact({facts, kNow}, key);
  EXPECT_EQ(reading.text, "unknown (failed): it is larger than 16 MiB");
  EXPECT_EQ(reading.fact->source, "/etc/x");
  facts[key] = {std::string("linux"), kNow.wall, "/boot: 6.2 is newer than 6.1"};  // of what is known all of it is the source
  EXPECT_EQ(read_fact({facts, kNow}, key).fact->source, "/boot: 6.2 is newer than 6.1");
}

TEST(Explain, ValuesAsPeopleReadThem) {
  const std::pair<FactValue, const char*> rows[] = {
      {Unknown{UnknownReason::kDenied}, "unknown (denied)"},
      {true, "true"},
      {std::int64_t{-12}, "-12"},
      {std::string("x"), "x"},
      {std::vector<std::string>{"a", "b"}, "a, b"},
      {std::vector<std::string>{}, "none"},
      {std::vector<Interface>{interface("ens3", {"10.0.1.2", "fe80::1"}),
                              interface("wlan0", {}, false)},
       "ens3 up 10.0.1.2 fe80::1; wlan0 down"},
      {std::vector<Route>{{.interface = "ens3",
                           .gateway_ip = *IpAddress::parse("10.0.1.1"),
                           .gateway_mac = {},
                           .local_ip = {}}},
       "ens3 via 10.0.1.1"},
      {std::vector<Route>{{.interface = "ens3",
                           .gateway_ip = *IpAddress::parse("10.0.1.1"),
                           .gateway_mac = *MacAddress::parse("02:09:0f:00:01:02"),
                           .local_ip = {}},
                          {.interface = "tun0", .gateway_ip = {}, .gateway_mac = {}, .local_ip = {}}},
       "ens3 via 10.0.1.1 (02:09:0f:00:01:02); tun0"},
      {VulnerabilityCounts{.critical = 1, .unknown = 3, .unknown_fixable = 2},
       "critical=1, high=0, medium=0, low=0, info=0, unknown=3 (2 fixable)"},
  };
  for (const auto& [value, expected] : rows) EXPECT_EQ(fact_value_text(value), expected);
}

TEST(Explain, ACertificateSaysWhatRulesDemandOfIt) {
  Certificate c;
  c.subject = "laptop7";
  c.issuer = "Corp CA";
  c.not_before = from_unix_ms(0);
  c.not_after = from_unix_ms(86'400'000);
  EXPECT_EQ(fact_value_text(std::vector<Certificate>{c}),
            "laptop7 (issued by Corp CA, 1970-01-01T00:00:00.000Z to 1970-01-02T00:00:00.000Z, without its private key)");
  c.ca = c.client_auth = c.has_private_key = true;
  c.trust = ChainTrust::kTrusted;
  EXPECT_EQ(fact_value_text(std::vector<Certificate>{c}),
            "laptop7 (issued by Corp CA, 1970-01-01T00:00:00.000Z to 1970-01-02T00:00:00.000Z, a CA's, may prove a client, "
            "trusted, with its private key)");
  c.trust = ChainTrust::kUntrusted;
  c.ca = c.client_auth = false;
  EXPECT_EQ(fact_value_text(std::vector<Certificate>{c}),
            "laptop7 (issued by Corp CA, 1970-01-01T00:00:00.000Z to 1970-01-02T00:00:00.000Z, not trusted, with its private "
            "key)");
}

TEST(Explain, WhatANumberMeansFollowsFromItsKey) {
  const auto said = [](std::string_view key, std::int64_t value) { return fact_value_text(key, value); };
  EXPECT_EQ(said(keys::kEmsVulnMaxCvss, 88), "8.8");
  EXPECT_EQ(said(keys::kEmsVulnMaxCvss, 100), "10.0");
  EXPECT_EQ(said(keys::kEmsVulnMaxEpss, 9434), "0.9434");
  EXPECT_EQ(said(keys::kEmsVulnMaxEpss, 1), "0.0001");
  EXPECT_EQ(said("file.modified_at:/x", -86'400'000), "1969-12-31T00:00:00.000Z");
  EXPECT_EQ(said(keys::kMemoryMb, 88), "88");
}

}  // namespace
}  // namespace postern::posture
