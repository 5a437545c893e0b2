#include <gtest/gtest.h>

#include <filesystem>

#include "agent/local_api/request.h"
#include "agent/local_api/status.h"
#include "base/file.h"

namespace postern::agent {
namespace {

using Command = LocalRequest::Command;

TEST(LocalRequest, IsWhatItsPrintingSays) {
  for (const auto& request : {LocalRequest{Command::kStatus, ""}, LocalRequest{Command::kEnrol, "postern://\"x\n"},
                              LocalRequest{Command::kDeregister, ""}, LocalRequest{Command::kDeregister, "", true},
                              LocalRequest{Command::kRecheck, ""}}) {
    EXPECT_EQ(*parse_local_request(print_local_request(request)), request);
  }
  EXPECT_FALSE(needs_owner(Command::kStatus));
  EXPECT_TRUE(needs_owner(Command::kEnrol) && needs_owner(Command::kDeregister) && needs_owner(Command::kRecheck));
}

TEST(LocalRequest, AnythingElseIsRefused) {
  for (const auto* text : {"", "status", "[]", "{}", R"({"command":1})", R"({"command":"fly"})",
                           R"({"command":"enrol"})", R"({"command":"status","invitation":"x"})",
                           R"({"command":"status","more":"x"})", R"({"command":"recheck","force":"yes"})",
                           R"({"command":"deregister","force":"no"})", R"({"command":"deregister","force":true})", R"({"command":{"a":{"b":{"c":{"d":1}}}}})"}) {
    EXPECT_FALSE(parse_local_request(text)) << text;
  }
  EXPECT_FALSE(parse_local_request(R"({"command":"enrol","invitation":")" + std::string(5000, 'x') + "\"}"));
}

TEST(LocalAnswer, CarriesStatusOrError) {
  EXPECT_EQ(*parse_local_answer(local_answer()), "");
  EXPECT_EQ(*parse_local_answer(local_answer(R"({"a":1})")), R"({"a":1})");
  const auto error = parse_local_answer(local_error({ErrorCode::kConflict, "say \"no\""}));
  EXPECT_EQ(error.error().code, ErrorCode::kConflict);
  EXPECT_EQ(error.error().message, "say \"no\"");
  for (const auto* text : {"", "[]", "{}", R"({"error":1})", R"({"error":{"code":1}})"}) {
    EXPECT_EQ(parse_local_answer(text).error().code, ErrorCode::kDataLoss) << text;
  }
}

AgentStatus registered() {
  AgentStatus s;
  s.version = "0.1.0";
  s.registration = Registration::kRegistered;
  s.uid = "0123456789ABCDEF0123456789ABCDEF";
  s.host_name = "laptop";
  s.ems_serial = "PSTEMS0000000001";
  s.ems_address = "10.0.2.10:8013";
  s.tenant_id = std::string(32, '0');
  s.connected = true;
  s.connected_since = from_unix_ms(1'780'000'000'000);
  s.certificate_sn = "1A2B3C";
  s.certificate_expires = from_unix_ms(1'787'776'000'000);
  s.profile = "Default";
  s.quarantined = false;
  s.show_tags = true;
  s.tags = {{"Telemetry-Connected", "Start the Postern agent and connect it to your EMS.", false}, {"Quiet", "", false},
            {"Vulnerable-Device", "Update this device.", true}};
  s.sources = {{"process ends", "pidfd", "", true},
               {"process starts", "fanotify", "opening fanotify: Operation not permitted", false},
               {"hardware", "", "", true}};
  return s;
}

std::string golden(const char* name) {
  const auto text = read_file(std::filesystem::path(POSTERN_SOURCE_DIR) / "tests/golden" / name, 1 << 20);
  return text ? *text : text.error().message;
}

TEST(StatusText, OfARegisteredAgent) {
  EXPECT_EQ(*status_text(status_json(registered())), golden("agent-status-registered.txt"));
}

TEST(StatusText, TellsNoTagsThatTheProfileDoesNotShow) {
  auto s = registered();
  s.show_tags = false;
  s.tags.clear();
  s.connected = false;
  s.connected_since.reset();
  s.quarantined.reset();
  s.last_error = "connecting to 10.0.2.10:8013: Connection refused (is the port right?)";
  EXPECT_EQ(*status_text(status_json(s)), golden("agent-status-hidden-tags.txt"));
}

TEST(StatusText, OfAnAgentThatIsNotRegistered) {
  AgentStatus s;
  s.version = "0.1.0";
  s.host_name = "laptop";
  EXPECT_EQ(*status_text(status_json(s)), golden("agent-status-unregistered.txt"));
  s.registration = Registration::kDeregistered;
  s.deregistered_because = "removed by an administrator";
  EXPECT_NE(status_text(status_json(s))->find("deregistered: removed by an administrator"), std::string::npos);
}

TEST(StatusText, SaysThatTheCertificateHasExpired) {
  auto s = registered();
  EXPECT_NE(status_text(status_json(s))->find("\nCertificate    1A2B3C, expires 2026-"), std::string::npos);
  s.certificate_expired = true;
  EXPECT_NE(status_text(status_json(s))->find("\nCertificate    1A2B3C, expired 2026-"), std::string::npos);
}

TEST(Left, SaysWhetherTheEmsWasTold) {
  EXPECT_FALSE(untold_text(left_json()));
  const auto untold = untold_text(left_json("no\nroute", "0123"));
  ASSERT_TRUE(untold);
  EXPECT_EQ(untold->because, "no route");
  EXPECT_EQ(untold->uid, "0123");
  EXPECT_TRUE(untold_text("")) << "unknown is not told";
}

TEST(StatusText, WhatOthersSaidStaysOnItsLine) {
  auto s = registered();
  s.last_error = "refused\nQuarantine     no\u009b2J\u202e";
  const auto text = *status_text(status_json(s));
  EXPECT_NE(text.find("\nLast error     refused Quarantine     no 2J \n"), std::string::npos) << text;
}

TEST(StatusText, SaysThatTheMachineIsQuarantined) {
  auto s = registered();
  s.quarantined = true;
  EXPECT_NE(status_text(status_json(s))->find("\nQuarantine     yes: gateways refuse this machine"), std::string::npos);
}

TEST(StatusJson, TellsHeldTagsFromUnknownOnes) {
  auto s = registered();
  const auto text = status_json(s);
  EXPECT_NE(text.find(R"("quarantined":false)"), std::string::npos) << text;
  EXPECT_NE(text.find(R"({"name":"Quiet","state":"held","message":""})"), std::string::npos) << text;
  EXPECT_NE(text.find(R"({"name":"Vulnerable-Device","state":"unknown","message":"Update this device."})"),
            std::string::npos)
      << text;
  s.quarantined.reset();
  EXPECT_NE(status_json(s).find(R"("quarantined":null)"), std::string::npos);
}

TEST(StatusText, OfSomethingElseIsAnError) {
  EXPECT_FALSE(status_text("[]"));
  EXPECT_FALSE(status_text("{"));
  EXPECT_TRUE(status_text("{}"));
  EXPECT_FALSE(status_connected("{"));
  EXPECT_FALSE(status_connected("[]"));
  EXPECT_FALSE(status_connected(R"({"connected":1})"));
  EXPECT_TRUE(status_connected(status_json(registered())));
}

}  // namespace
}  // namespace postern::agent
