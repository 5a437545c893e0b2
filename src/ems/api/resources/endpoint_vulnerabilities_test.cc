#include "base/text.h"
#include "ems/api/api_lab.h"
#include "ems/tagging/open_findings.h"
#include "proto/deflate.h"
#include "wire/telemetry.pb.h"

namespace postern::ems::testing {
namespace {

struct ScriptedMatching final : Matching {
  MatchResult result;
  Result<MatchResult> match(std::string_view, std::string_view) const override { return result; }
};

std::string endpoint_url(const TestAgent& agent, const std::string& rest = "") { return "/api/v1/endpoints/" + agent.uid().str() + rest; }

TEST_F(ApiLab, VulnerabilitiesAreListedWorstFirstOrSaidToBeUnknown) {
  TestAgent agent;
  join(agent);
  Reply unknown = get(endpoint_url(agent, "/vulnerabilities"));
  EXPECT_EQ(unknown.status, 503);
  EXPECT_EQ(unknown.code(), "unavailable");
  EXPECT_NE(unknown.message().find("still reading its vulnerability feeds; try again"), std::string::npos) << unknown.message();
  EXPECT_EQ(unknown.header("Retry-After"), "5");
  core->set_matching(clock.now(), nullptr, {});
  settle();
  unknown = get(endpoint_url(agent, "/vulnerabilities"));
  EXPECT_NE(unknown.message().find("add one (POST feeds"), std::string::npos) << unknown.message();
  EXPECT_EQ(unknown.header("Retry-After"), "");
  auto matching = std::make_shared<ScriptedMatching>();
  matching->result.counts.high = 1;
  matching->result.counts.low = 2;
  matching->result.findings = {{"CVE-2026-0003", "zlib", "zlib1g", "1.2.13", "", "low", false},
                               {"CVE-2026-0001", "openssl", "libssl3", "3.0.1", "3.0.2", "high", false},
                               {"CVE-2026-0001", "openssl", "openssl", "3.0.1", "3.0.2", "high", false},
                               {"CVE-2026-0002", "bash", "bash", "5.2", "5.3", "low", true}};
  auto scored = std::make_shared<vuln::CveNote>();
  scored->cvss_tenths = 98;
  scored->cvss_vector = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H";
  scored->epss = 8501;
  scored->epss_percentile = 9932;
  for (const auto i : {1, 2}) {
    matching->result.findings[i].judgement = {.vendor = vuln::Severity::kHigh, .cvss_tenths = 98};
    matching->result.findings[i].note = scored;
  }
  auto exploited = std::make_shared<vuln::CveNote>();
  exploited->kev = exploited->kev_ransomware = true;
  exploited->kev_added = "2026-01-02";
  exploited->kev_due = "2026-01-23";
  matching->result.findings[3].note = exploited;
  summarise(matching->result);
  core->set_matching(clock.now(), matching, {});
  settle();
  unknown = get(endpoint_url(agent, "/vulnerabilities"));
  EXPECT_EQ(unknown.status, 503);
  EXPECT_NE(unknown.message().find("packages"), std::string::npos);
  EXPECT_TRUE(get(endpoint_url(agent)).at("vulnerabilities").is_null());

  const std::string inventory = "dpkg 1\n";
  wire::TelemetryFrame offer;
  const auto hash = sha256(inventory);
  offer.mutable_inventory_offer()->set_hash(std::string(as_text(hash)));
  send(agent, offer);
  run();
  wire::TelemetryFrame frame;
  frame.mutable_inventory()->set_hash(std::string(as_text(hash)));
  frame.mutable_inventory()->set_zlib(proto::deflate_text(inventory));
  send(agent, frame);
  settle();
  const Reply reply = get(endpoint_url(agent, "/vulnerabilities"));
  ASSERT_EQ(reply.status, 200) << reply.text;
  EXPECT_EQ(reply.at("total"), json::value(4));
  std::vector<std::string> order;
  for (const auto& item : reply.items()) order.push_back(std::string(item.at("package").as_string()));
  EXPECT_EQ(order, (std::vector<std::string>{"bash", "libssl3", "openssl", "zlib1g"}));
  EXPECT_TRUE(reply.items()[3].at("fixed").is_null());
  EXPECT_EQ(reply.items()[1].at("fixed"), json::value("3.0.2"));
  EXPECT_EQ(reply.items()[1].at("severity_reason"), json::value("vendor-below-cvss"));
  EXPECT_EQ(reply.items()[1].at("severity_text"),
            json::value("the distribution says high, where the CVSS base score of 9.8 is critical"));
  EXPECT_EQ(reply.items()[1].at("vendor_severity"), json::value("high"));
  EXPECT_EQ(reply.items()[1].at("cvss"),
            (json::value{{"score", 9.8}, {"severity", "critical"}, {"vector", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}}));
  EXPECT_EQ(reply.items()[1].at("epss"), (json::value{{"probability", 0.8501}, {"percentile", 0.9932}}));
  EXPECT_TRUE(reply.items()[1].at("kev_entry").is_null());
  EXPECT_EQ(reply.items()[0].at("kev_entry"),
            (json::value{{"date_added", "2026-01-02"}, {"due_date", "2026-01-23"}, {"ransomware", true}}));
  EXPECT_TRUE(reply.items()[0].at("cvss").is_null() && reply.items()[0].at("epss").is_null());
  EXPECT_EQ(get(endpoint_url(agent, "/vulnerabilities?severity=low")).items().size(), 2u);
  // What somebody lives with stands last, with who, why and until when, and can be left out.
  const Reply risk = post("/api/v1/risks", R"({"cve":"CVE-2026-0002","reason":"no shell","expires_at":"2026-06-28T00:00:00Z"})");
  ASSERT_EQ(risk.status, 201) << risk.text;
  const Reply accepted = get(endpoint_url(agent, "/vulnerabilities"));
  EXPECT_EQ(accepted.items()[3].at("package"), json::value("bash"));
  EXPECT_EQ(accepted.items()[3].at("accepted"), (json::value{{"risk", risk.str("id")},
                                                             {"accepted_by", risk.str("accepted_by")},
                                                             {"reason", "no shell"},
                                                             {"expires_at", "2026-06-28T00:00:00.000Z"}}));
  EXPECT_TRUE(accepted.items()[0].at("accepted").is_null());
  EXPECT_EQ(get(endpoint_url(agent, "/vulnerabilities?accepted=false")).items().size(), 3u);
  EXPECT_EQ(get(endpoint_url(agent, "/vulnerabilities?accepted=true")).items().size(), 1u);
  EXPECT_EQ(get(endpoint_url(agent, "/vulnerabilities?accepted=perhaps")).status, 400);
  EXPECT_EQ(call("DELETE", "/api/v1/risks/" + risk.str("id")).status, 204);
  EXPECT_EQ(get(endpoint_url(agent, "/vulnerabilities?severity=awful")).status, 400);
  const Reply first = get(endpoint_url(agent, "/vulnerabilities?limit=3"));
  EXPECT_EQ(get(endpoint_url(agent, "/vulnerabilities?limit=3&cursor=" + first.str("next_cursor"))).items().size(), 1u);
  const Reply endpoint = get(endpoint_url(agent));
  EXPECT_EQ(endpoint.at("vulnerabilities", "high"), json::value(1));
  EXPECT_EQ(endpoint.at("vulnerabilities", "critical"), json::value(0));
  EXPECT_EQ(endpoint.at("vulnerabilities", "scanned_at"), json::value(to_iso8601(clock.now().wall)));
  // No finding is no answer where something can't be judged.
  auto unsure = std::make_shared<ScriptedMatching>();
  unsure->result.unjudged = "expat: its version ! is none of its distribution";
  core->set_matching(clock.now(), unsure, {});
  settle();
  unknown = get(endpoint_url(agent, "/vulnerabilities"));
  EXPECT_EQ(unknown.status, 503);
  EXPECT_EQ(unknown.message(),
            "of one of its packages nobody knows what is open in it. expat: its version ! is none of its distribution");
}

}  // namespace
}  // namespace postern::ems::testing
