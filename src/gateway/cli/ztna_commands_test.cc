// diagnose ztna …: denials, decisions, real servers and sessions.
#include <gmock/gmock.h>

#include "gateway/cli/session_lab.h"

namespace postern::gateway::cli {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

TEST_F(SessionLab, ADenialIsExplainedByItsId) {
  operations.denial =
      R"({"time":"2026-11-25T12:00:00.000Z","type":"traffic","subtype":"ztna","action":"deny","id":"K7QM-2D9F","reason":"065",)"
      R"("reason_name":"missing_tag","msg":"a required tag is missing","policyid":3,"policyname":"web","accessproxy":"front",)"
      R"("srcip":"10.0.1.2","srcport":4711,"method":"GET","hostname":"app.example","path":"/x\u001b[2J","clientcert_sha256":"ab",)"
      R"("clientdeviceid":"9A01","clientdevicename":"WIN10-01","clientdeviceems":"PSTEMS0123456789","tags":["EMS1_ZTNA_a","b"]})";
  EXPECT_EQ(
      out("diagnose ztna denial k7qm-2d9f"),
      "Denial: K7QM-2D9F\nTime: 2026-11-25T12:00:00.000Z\nReason: 065 (missing_tag)\nText: a required tag is missing\n"
      "Tags: EMS1_ZTNA_a, b\nPolicy: 3 (web)\nAccess proxy: front\nRequest: GET app.example/x [2J\n"
      "Source: 10.0.1.2 port 4711\nEndpoint: 9A01 (WIN10-01)\nEMS: PSTEMS0123456789\n"
      "Client certificate (SHA-256): ab\n");
  EXPECT_EQ(operations.sought, "k7qm-2d9f");
  operations.denial = R"({"action":"cut","id":"AAAA-BBBB","reason":"002","policyid":0})";
  EXPECT_THAT(
      out("diagnose ztna denial AAAABBBB"),
      testing::AllOf(StartsWith("Cut: AAAA-BBBB\n"), HasSubstr("Policy: none\n"), HasSubstr("Endpoint: not known\n"),
                     HasSubstr("Client certificate (SHA-256): none that verified\n")));
  operations.denial = "{";
  EXPECT_THAT(out("diagnose ztna denial AAAABBBB"), HasSubstr("error: "));
  operations.denial = fail(ErrorCode::kNotFound, "no denial AAAA-BBBB is in the log; it may be too old");
  EXPECT_EQ(out("diagnose ztna denial AAAABBBB"), "error: no denial AAAA-BBBB is in the log; it may be too old");
}

TEST_F(SessionLab, ADecisionIsTakenApart) {
  operations.denial = R"({"action":"deny","id":"K7QM-2D9F","reason":"065","reason_name":"missing_tag","policyid":3,"accessproxyid":7,)"
                      R"("srcip":"10.0.1.2","hostname":"app.example","path":"/x","clientcert_sha256":")" + std::string(64, 'a') + "\"}";
  EXPECT_THAT(out("diagnose ztna decision k7qm-2d9f"),
              testing::AllOf(StartsWith("Denial: K7QM-2D9F\n"), HasSubstr("\nNow: the access proxy is not configured any more\n")));
  DecisionAgain now;
  now.policy = 3;
  now.reason = "065 (missing_tag)";
  now.reason_text = "a tag is missing";
  now.endpoint_known = true;
  now.tags = {"EMS1_ZTNA_a"};
  now.policies = {{2, "", false, "does not match: …"}, {3, "web", true, "does not match: a tag is missing: b"}};
  operations.again = now;
  EXPECT_THAT(out("diagnose ztna decision k7qm-2d9f"),
              HasSubstr("\nThe same request by the policies and records of now:\n"
                        "Decision: refused, 065 (missing_tag): a tag is missing (policy: 3 (web))\n"
                        "Endpoint has, of the tags that policies name: EMS1_ZTNA_a\nUnknown whether it has: none\n"
                        "Policy 2, deny: does not match: …\nPolicy 3 (web), accept: does not match: a tag is missing: b\n"));
  const auto& asked = operations.judged.back();
  EXPECT_EQ(asked.proxy, 7u);
  EXPECT_TRUE(asked.leaf);
  EXPECT_EQ(asked.source.str(), "10.0.1.2");
  EXPECT_EQ(asked.host + asked.path, "app.example/x");
}

TEST_F(SessionLab, RealServersAreListedWithWhy) {
  EXPECT_EQ(out("diagnose ztna real-server list"), "0 real servers, 0 taking requests\n");
  RealServerView up{"web", 1, "first-alive", "10.0.3.10:8080", false, 3, "", "http", "up", "HTTP 200", WallTime(), true, 1234, 5, 3};
  RealServerView down{"web", 1, "first-alive", "10.0.3.11:8080", false, 1, "app.example", "ping", "down", "no answer in time",
                      WallTime(), false};
  RealServerView waits{"web", 2, "weighted", "[fd00::1]:80", true, 1, "", "none", "unknown", "", WallTime(), false};
  operations.servers = {up, down, waits};
  const auto since = to_asctime(WallTime());
  EXPECT_EQ(out("diagnose ztna real-server list"),
            "web, api-gateway 1 (first-alive):\n"
            "  10.0.3.10:8080 (active, weight 3): up\n    Check: http: HTTP 200\n    Since: " + since + "\n"
            "    Requests: 1234, 5 failed, 3 now\n"
            "  10.0.3.11:8080 (active, for app.example): down, takes no requests\n    Check: ping: no answer in time\n"
            "    Since: " + since + "\n"
            "    Requests: 0, 0 failed, 0 now\n"
            "web, api-gateway 2 (weighted):\n"
            "  [fd00::1]:80 (standby): unknown, waits for the active ones to fail\n    Check: none (set health-check enable)\n"
            "    Requests: 0, 0 failed, 0 now\n"
            "3 real servers, 1 taking requests\n");
  for (const std::string word : {"10.0.3.11", "10.0.3.11:8080", "down", "app.example"}) {
    EXPECT_TRUE(out("diagnose ztna real-server list " + word).ends_with("\n1 real server, 0 taking requests\n")) << word;
  }
  EXPECT_TRUE(out("diagnose ztna real-server list fd00::1").ends_with("\n1 real server, 0 taking requests\n"));
}

TEST_F(SessionLab, LiveSessionsAreListed) {
  EXPECT_EQ(out("diagnose ztna session list"), "0 live connections\n");
  SessionView one;
  one.leaf[0] = 0xab;
  one.uid = EndpointUid("9A010000000000000000000000000001");
  one.host_name = "WIN10\x1b-01";
  one.connector = 1;
  one.ems_serial = EmsSerial("PSTEMS0123456789");
  one.access_proxy = "front";
  one.source = IpAddress::v4({10, 0, 1, 2});
  one.connections = 2;
  one.id = "0123456789ab";
  one.kind = "grpc";
  SessionView gone;  // its record and its access proxy are
  gone.source = IpAddress::v4({10, 0, 1, 3});
  gone.connections = 1;
  operations.live_sessions = {gone, one};
  std::string first = "00", second = "AB";
  for (int i = 1; i < 32; ++i) first += ":00", second += ":00";
  const auto of_one = "front: 2 connections from 10.0.1.2\n  Session: 0123456789ab (grpc)\n  Endpoint: 9A010000000000000000000000000001 (WIN10 -01)\n"
                      "  EMS: 1 (PSTEMS0123456789)\n  Client certificate (SHA-256): " + second + '\n';
  EXPECT_EQ(out("diagnose ztna session list"), "(no longer configured): 1 connection from 10.0.1.3\n  Endpoint: not known any "
                                               "more\n  Client certificate (SHA-256): " + first + '\n' + of_one +
                                                   "3 live connections\n");
  for (const std::string by : {"front", "10.0.1.2", "9a010000000000000000000000000001", "pstems0123456789", "grpc", "0123456789AB", second.c_str()}) {
    EXPECT_EQ(out("diagnose ztna session list " + by), of_one + "2 live connections of 3\n") << by;
  }
  EXPECT_EQ(out("diagnose ztna session list access-proxy front"), of_one + "2 live connections of 3\n") << "as clear has it";
  EXPECT_EQ(out("diagnose ztna session list endpoint nobody"), "0 live connections of 3\n");
  EXPECT_THAT(out("diagnose ztna session list policy 2"), HasSubstr("session clear policy 2 ends those"));
  EXPECT_EQ(out("diagnose ztna session list front 10.0.1.3"), "0 live connections of 3\n");
}

TEST_F(SessionLab, SessionsAreCleared) {
  operations.cleared = ClearedSessions{2, 0};
  EXPECT_EQ(out("diagnose ztna session clear endpoint WIN10-01"), "2 connections ended.\n");
  operations.cleared = ClearedSessions{1, 1};
  EXPECT_THAT(out("diagnose ztna session clear policy 7"),
              HasSubstr("1 request ended, as far as is known.\n1 of nginx's workers did not answer: "));
  operations.cleared = ClearedSessions{0, 2};
  EXPECT_EQ(out("diagnose ztna session clear access-proxy back"),
            "0 connections ended, as far as is known.\n2 of nginx's workers did not answer: diagnose ztna session list shows what is still open.\n")
      << "that nobody answers is not that nothing was open";
  out("diagnose ztna session clear all");
  out("diagnose ztna session clear id 0123456789ab");
  out("diagnose ztna session clear access-proxy front");
  using By = SessionChoice::By;
  std::vector<std::pair<By, std::string>> asked;
  for (const auto& [which, who] : operations.clearings) {
    asked.emplace_back(which.by, which.value);
    EXPECT_FALSE(who.empty());
  }
  EXPECT_EQ(asked, (std::vector<std::pair<By, std::string>>{{By::kEndpoint, "WIN10-01"}, {By::kPolicy, "7"}, {By::kAccessProxy, "back"}, {By::kAll, ""},
                                                            {By::kId, "0123456789ab"}, {By::kAccessProxy, "front"}}));
  operations.cleared = postern::fail(ErrorCode::kNotFound, "no live session has the id 1");
  EXPECT_THAT(out("diagnose ztna session clear id 1"), HasSubstr("no live session has the id 1"));
  EXPECT_THAT(out("diagnose ztna session clear"), testing::StartsWith("error: ")) << "nothing said is not all";
}

}  // namespace
}  // namespace postern::gateway::cli
