// What is true now, over REST.
#include "gateway/api/monitor/monitor.h"

#include <gmock/gmock.h>

#include "base/hex.h"
#include "gateway/api/api_lab.h"

namespace postern::gateway::api {
namespace {

using testing::HasSubstr;

class MonitorTest : public ApiLab {
 protected:
  void SetUp() override {
    configure(
        "config endpoint-control fctems\nedit 1\nset name EMS\nset server ems.example\nset https-port "
        "8443\nnext\nend\n");
    operations.connector_list = {cli::walk_connector()};
    operations.endpoints = {cli::walk_endpoint()};
    operations.endpoints[0].record.tags = {70, 495};
    operations.endpoints[0].record.unknown_tags = {311};
    operations.addresses = cli::walk_addresses();
  }
};

const char* kVerify = "/api/v2/monitor/endpoint-control/ems/verify-cert";

TEST_F(MonitorTest, EveryMonitorIsGuardedAndFound) {
  for (const auto& m : all_monitors()) {
    const std::string at = "/api/v2/monitor/" + std::string(m.path);
    EXPECT_EQ(ask(std::string(m.method), at, "", {}).status, 401) << m.path;
    EXPECT_EQ(ask("PATCH", at).status, 405) << m.path;
    EXPECT_EQ(ask(std::string(m.method), at + "?no-such=1").status, 400) << m.path;
    EXPECT_EQ(ask(std::string(m.method), at, R"({"no-such":1})").status, 400) << m.path;
  }
  EXPECT_EQ(monitor("GET", "no/such").status, 404);
}

TEST_F(MonitorTest, StatusOfTheGateway) {
  const auto reply = monitor("GET", "system/status?vdom=root");
  ASSERT_EQ(reply.status, 200);
  EXPECT_EQ(reply.at("/results/hostname"), "machine");
  EXPECT_EQ(reply.at("/results/serial"), "PGW0000000000001");
  EXPECT_EQ(reply.at("/results/health/0/part"), "Access proxies");
  EXPECT_EQ(reply.at("/results/health/0/status"), "ok");
  operations.parts[0] = {"Access proxies", cli::PartHealth::State::kFailed, "a port is taken"};
  const auto failed = monitor("GET", "system/status");
  EXPECT_EQ(failed.at("/results/health/0/status"), "failed");
  EXPECT_EQ(failed.at("/results/health/0/message"), "a port is taken");
  EXPECT_EQ(monitor("GET", "system/status/select").status, 200);
  operations.dropped = 7;
  operations.lost = 3;
  EXPECT_EQ(monitor("GET", "system/status").at("/results/dropped_events"), 7);
  EXPECT_EQ(monitor("GET", "system/status").at("/results/lost_log_lines"), 3);
  EXPECT_EQ(monitor("GET", "ztna/sessions").at("/results/live"), 0);
}

TEST_F(MonitorTest, RealServersAreListedWithTheirRequests) {
  cli::RealServerView one;
  one.access_proxy = "web";
  one.api_gateway = 2;
  one.server = "10.0.3.10:8080";
  one.state = "down";
  one.since = WallTime(Millis(1'700'000'000'123));
  one.requests = 12;
  one.failures = 3;
  one.in_use = 1;
  operations.servers = {one, {}};
  const auto list = monitor("GET", "ztna/real-servers");
  EXPECT_EQ(list.at("/results/0/server"), "10.0.3.10:8080");
  EXPECT_EQ(list.at("/results/0/status"), "down");
  EXPECT_EQ(list.at("/results/0/since"), 1'700'000'000);
  EXPECT_EQ(list.at("/results/0/requests"), 12);
  EXPECT_EQ(list.at("/results/0/failures"), 3);
  EXPECT_EQ(list.at("/results/0/in_use"), 1);
  EXPECT_EQ(list.at("/results/1/requests"), 0);
}

TEST_F(MonitorTest, SessionsAreListedAndCleared) {
  cli::SessionView one;
  one.id = "0123456789ab";
  one.kind = "grpc";
  one.access_proxy = "front";
  one.source = IpAddress::v4({10, 0, 1, 2});
  one.connections = 2;
  operations.live_sessions = {one};
  const auto list = monitor("GET", "ztna/session");
  EXPECT_EQ(list.at("/results/0/id"), "0123456789ab");
  EXPECT_EQ(list.at("/results/0/kind"), "grpc");
  EXPECT_EQ(list.at("/results/0/connections"), 2);
  operations.cleared = cli::ClearedSessions{3, 0};
  const auto cleared = monitor("POST", "ztna/session/clear", R"({"policy":7})");
  EXPECT_EQ(cleared.status, 200);
  EXPECT_EQ(cleared.at("/results/ended"), 3);
  ASSERT_EQ(operations.clearings.size(), 1u);
  EXPECT_EQ(operations.clearings[0].first.by, cli::SessionChoice::By::kPolicy);
  EXPECT_EQ(operations.clearings[0].first.value, "7");
  EXPECT_FALSE(operations.clearings[0].second.empty());
  for (const auto* odd : {"{}", R"({"all":false})", R"({"all":true,"id":"a"})", R"({"id":""})", R"({"what":1})"}) {
    EXPECT_EQ(monitor("POST", "ztna/session/clear", odd).status, 400) << odd;
  }
  EXPECT_EQ(operations.clearings.size(), 1u);
}

TEST_F(MonitorTest, StatusOfConnectors) {
  const auto one = monitor("GET", "endpoint-control/ems/status?ems_id=1");
  ASSERT_EQ(one.status, 200);
  EXPECT_EQ(one.at("/results/ems_name"), "EMS");
  EXPECT_EQ(one.at("/results/ems_serial"), "FCTEMS8825007278");
  EXPECT_EQ(one.at("/results/ems_is_connected"), true);
  EXPECT_EQ(one.at("/results/ems_is_verified"), true);
  EXPECT_EQ(one.at("/results/mgmt_ip"), "ems.example");
  EXPECT_EQ(one.at("/results/mgmt_port"), 8443);
  EXPECT_FALSE(one.has("/results/stale_since"));
  operations.connector_list[0].channel_state = "pending";
  operations.connector_list[0].stale_since = from_unix_ms(0);
  const auto all = monitor("GET", "endpoint-control/ems/status");
  EXPECT_EQ(all.at("/results/0/ems_is_connected"), false);
  EXPECT_EQ(all.at("/results/0/stale_since"), "1970-01-01T00:00:00.000Z");
  const auto summary = monitor("GET", "endpoint-control/ems/status-summary");
  EXPECT_EQ(summary.at("/results/0/id"), 1);
  EXPECT_EQ(summary.at("/results/0/cert_status"), "verified");
  EXPECT_EQ(summary.at("/results/0/conn_status"), "pending");
  EXPECT_EQ(monitor("GET", "endpoint-control/ems/status?ems_id=2").status, 404);
  EXPECT_EQ(monitor("GET", "endpoint-control/ems/status?ems_id=8").status, 400);
}

TEST_F(MonitorTest, ShowsTheCertificateOfAnEms) {
  const auto waiting =
      send("GET", "/api/v2/monitor/endpoint-control/ems/cert-status?ems_id=1&with_cert=true", "", bearer);
  ASSERT_FALSE(*waiting);
  cli::PresentedCertificate shown;
  shown.subject = "CN=ems";
  shown.fingerprint.fill(0xab);
  operations.presenting.at(0)(shown);
  ASSERT_TRUE(*waiting);
  EXPECT_EQ((*waiting)->at("/results/status"), "unverified");
  EXPECT_EQ((*waiting)->at("/results/cert/subject"), "CN=ems");
  EXPECT_EQ((*waiting)->at("/results/cert/fingerprint"), to_hex_colons(shown.fingerprint).c_str());

  EXPECT_FALSE((*waiting)->has("/results/accepted_fingerprint"));

  // The one that was accepted, of an EMS that says that it is another one.
  shown.accepted = shown.other_ems = true;
  shown.accepted_before = shown.fingerprint;
  shown.ems_serial = EmsSerial("PSTEMS9999999999");
  shown.pinned_serial = EmsSerial("PSTEMS0123456789");
  const auto other =
      send("GET", "/api/v2/monitor/endpoint-control/ems/cert-status?ems_id=1&with_cert=true", "", bearer);
  operations.presenting.at(1)(shown);
  EXPECT_EQ((*other)->at("/results/status"), "unverified");
  EXPECT_EQ((*other)->at("/results/accepted_fingerprint"), to_hex_colons(shown.fingerprint).c_str());
  EXPECT_EQ((*other)->at("/results/ems_serial"), "PSTEMS9999999999");
  EXPECT_EQ((*other)->at("/results/accepted_ems_serial"), "PSTEMS0123456789");

  const auto failing = send("GET", "/api/v2/monitor/endpoint-control/ems/cert-status?ems_id=1", "", bearer);
  operations.presenting.at(2)(fail(ErrorCode::kUnavailable, "connection refused"));
  EXPECT_EQ((*failing)->status, 200);
  EXPECT_EQ((*failing)->at("/results/status"), "error");
  EXPECT_EQ((*failing)->at("/results/error"), "connection refused");
  EXPECT_EQ(monitor("GET", "endpoint-control/ems/cert-status").status, 400);
}

TEST_F(MonitorTest, AcceptsACertificateByItsFingerprint) {
  Sha256 fingerprint{};
  fingerprint.fill(0xab);
  for (const auto& text : {to_hex_lower(fingerprint), to_hex_colons(fingerprint)}) {
    for (const char* id : {"1", "\"1\""}) {
      const auto waiting =
          send("POST", kVerify, R"({"ems_id":)" + std::string(id) + R"(,"fingerprint":")" + text + "\"}", bearer);
      ASSERT_FALSE(*waiting);
      EXPECT_EQ(operations.accepted.back(), (cli::Acceptance{fingerprint, {}, {}}));
      operations.waiting.back()({});
      EXPECT_EQ((*waiting)->status, 200);
      EXPECT_EQ((*waiting)->at("/results/status"), "success");
    }
  }
  const auto other =
      send("POST", kVerify, R"({"ems_id":1,"fingerprint":")" + to_hex_lower(fingerprint) + "\"}", bearer);
  operations.waiting.back()(fail(ErrorCode::kConflict, "the EMS shows another certificate"));
  EXPECT_EQ((*other)->status, 424);
  EXPECT_THAT((*other)->cli_error(), HasSubstr("another certificate"));
  // That the EMS could not be trusted is not the client's authentication.
  const auto tls = send("POST", kVerify, R"({"ems_id":1,"fingerprint":")" + to_hex_lower(fingerprint) + "\"}", bearer);
  operations.waiting.back()(fail(ErrorCode::kUnauthenticated, "TLS failed"));
  EXPECT_EQ((*tls)->status, 424);

  const auto known = R"({"ems_id":1,"fingerprint":")" + to_hex_lower(fingerprint) + R"(","ems_serial":")";
  const auto taken =
      send("POST", kVerify, known + R"(PSTEMS9999999999","ems_tenant_id":")" + std::string(32, 'B') + "\"}", bearer);
  EXPECT_EQ(operations.accepted.back(),
            (cli::Acceptance{fingerprint, EmsSerial("PSTEMS9999999999"), TenantId(std::string(32, 'b'))}));
  operations.waiting.back()({});
  EXPECT_EQ((*taken)->status, 200);
  EXPECT_EQ(ask("POST", kVerify, known + "EMS\"}").status, 400);
  EXPECT_EQ(ask("POST", kVerify, known + R"(PSTEMS9999999999","ems_tenant_id":"b"})").status, 400);

  const auto asked = operations.accepted.size();
  for (const char* body :
       {"{}", R"({"ems_id":1})", R"({"ems_id":1,"fingerprint":"ab"})", R"({"ems_id":1,"fingerprint":5})",
        R"({"ems_id":0,"fingerprint":"ab"})", R"({"fingerprint":"ab"})"}) {
    EXPECT_EQ(ask("POST", kVerify, body).status, 400) << body;
  }
  EXPECT_EQ(ask("POST", kVerify, R"({"ems_id":3,"fingerprint":")" + to_hex_lower(fingerprint) + "\"}").status, 404);
  EXPECT_EQ(operations.accepted.size(), asked);
}

TEST_F(MonitorTest, TakesTheAcceptanceBack) {
  EXPECT_EQ(monitor("POST", "endpoint-control/ems/unverify-cert", R"({"ems_id":1})").status, 200);
  operations.forget = fail(ErrorCode::kResourceExhausted, "no space left on device");
  EXPECT_EQ(monitor("POST", "endpoint-control/ems/unverify-cert", R"({"ems_id":1})").status, 500);
  EXPECT_EQ(monitor("POST", "endpoint-control/ems/unverify-cert", R"({"ems_id":2})").status, 404);
}

TEST_F(MonitorTest, EndpointsAndTheirTags) {
  const auto reply = monitor("GET", "endpoint-control/record-list");
  ASSERT_EQ(reply.status, 200);
  EXPECT_EQ(reply.at("/results/0/uid"), "9A016B5A6E914B42AD4168C066EB04CA");
  EXPECT_EQ(reply.at("/results/0/addr"), "10.0.1.2");
  EXPECT_EQ(reply.at("/results/0/host"), "WIN10-01");
  EXPECT_EQ(reply.at("/results/0/on_net"), false);
  EXPECT_EQ(reply.at("/results/0/interface"), "port1");
  EXPECT_EQ(boost::json::serialize(reply.at("/results/0/tags")),
            R"(["EMS1_ZTNA_all_registered_clients","EMS1_ZTNA_Telemetry-Connected"])");
  EXPECT_EQ(boost::json::serialize(reply.at("/results/0/unknown_tags")), R"(["EMS1_ZTNA_Vulnerable-Device"])");
  operations.endpoints[0].record.on_fabric = Feature::kUnknown;
  EXPECT_TRUE(monitor("GET", "endpoint-control/record-list?intf_name=port1").at("/results/0/on_net").is_null());
  EXPECT_TRUE(monitor("GET", "endpoint-control/record-list?intf_name=port2").at("/results").as_array().empty());
}

TEST_F(MonitorTest, ResolvedAddressesOfTags) {
  const auto all = monitor("GET", "firewall/address-dynamic");
  EXPECT_EQ(all.at("/results").as_array().size(), 3u);
  const auto one = monitor("GET", "firewall/address-dynamic?mkey=EMS1_ZTNA_Vulnerable-Device");
  ASSERT_EQ(one.at("/results").as_array().size(), 1u);
  EXPECT_EQ(one.at("/results/0/tag_name"), "Vulnerable-Device");
  EXPECT_EQ(one.at("/results/0/id"), 311);
  EXPECT_EQ(one.at("/results/0/addresses/0"), "10.0.1.2");
  EXPECT_EQ(monitor("GET", "firewall/address-dynamic?mkey=EMS1_ZTNA_nothing").status, 404);
}

TEST_F(MonitorTest, AnAnswerMayComeAfterTheApiIsGone) {
  const auto waiting = send("GET", "/api/v2/monitor/endpoint-control/ems/cert-status?ems_id=1", "", bearer);
  api.reset();
  operations.presenting.clear();  // dropped, as at the end of the program
  ASSERT_TRUE(*waiting);
  EXPECT_EQ((*waiting)->status, 500);
}

}  // namespace
}  // namespace postern::gateway::api
