#include "agent/forward/forwarding.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace postern::agent {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

net::TunnelRefusal answered(int status, const char* type, std::string body) {
  net::TunnelRefusal out;
  out.status = status;
  out.response.status = status;
  out.response.headers.add("Content-Type", type);
  out.response.body = std::move(body);
  return out;
}

proto::ZtnaDestination example() {
  proto::ZtnaDestination out;
  out.name = "build";
  out.host = "10.0.0.5";
  out.port = 22;
  out.gateway = "gw.example:443";
  out.path = "/tcp";
  return out;
}

TEST(ZtnaForwarding, ADenialIsToldInItsWordsWithItsId) {
  const auto told = refusal_text(example(), answered(403, "application/json",
                                          R"({"error":{"code":"065","reason":"missing_tag","title":"Something is missing","message":"Look.",)"
                                          R"("details":["Start the mark."],"denial_id":"K7QM-2D9F"}})"),
                                 {});
  EXPECT_EQ(told.text, "Something is missing: Look. Start the mark.");
  EXPECT_EQ(told.denial_id, "K7QM-2D9F");
}

TEST(ZtnaForwarding, OtherAnswersAreToldToo) {
  EXPECT_EQ(refusal_text(example(), answered(502, "text/plain; charset=utf-8", "10.0.0.5:22: Connection refused\n"), {}).text,
            "10.0.0.5:22: Connection refused");
  EXPECT_EQ(refusal_text(example(), answered(429, "text/plain", "this endpoint has 1024 connections forwarded\n"), {}).text,
            "this endpoint has 1024 connections forwarded");
  EXPECT_EQ(refusal_text(example(), answered(404, "text/html", "<html>"), {}).text,
            "gw.example:443 does not forward TCP at /tcp: it answered with status 404 (is the path in the endpoint profile right?)");
  // Whatever another application says is not a reason.
  EXPECT_THAT(refusal_text(example(), answered(404, "text/plain", "nothing here"), {}).text, HasSubstr("does not forward TCP at /tcp"));
  EXPECT_THAT(refusal_text(example(), answered(200, "text/plain", "hello"), {}).text, HasSubstr("status 200"));
  EXPECT_EQ(refusal_text(example(), answered(403, "application/json", R"({"error":{}})"), {}).text, "refused with status 403");
  EXPECT_EQ(refusal_text(example(), {0, {}, {ErrorCode::kUnavailable, "no way"}}, {}).text, "no way");
  // Nothing of it can move a terminal's cursor.
  EXPECT_THAT(refusal_text(example(), answered(502, "text/plain", "a\x1b[2Jb"), {}).text, Not(HasSubstr("\x1b")));
}

TEST(ZtnaForwarding, ACertificateThatIsRefusedIsToldWithWhatToDo) {
  const net::TunnelRefusal refused{0, {}, {ErrorCode::kUnauthenticated, "its certificate is refused: self-signed certificate"}};
  auto d = example();
  EXPECT_THAT(refusal_text(d, refused, {}).text, HasSubstr("can have a ca or a fingerprint in the endpoint profile"));
  d.ca_pem = "-----BEGIN";
  EXPECT_THAT(refusal_text(d, refused, {}).text, HasSubstr("nothing in this destination's ca"));
  d.fingerprint = Sha256{};
  EXPECT_THAT(refusal_text(d, refused, {}).text, HasSubstr("not the one whose fingerprint"));
}

TEST(ZtnaForwarding, WhoEndedAConnectionIsTold) {
  net::TunnelEnd end;
  end.code = 1006;
  end.reason = "Connection reset by peer";
  EXPECT_EQ(end_text(end),
            "the gateway, or the way to it, ended the connection; if this device is refused now, the next one is told why");
  end.code = 1002;
  end.reason = "a direction ends twice";
  EXPECT_EQ(end_text(end), "the connection was cut: a direction ends twice");
}

TEST(ZtnaForwarding, ChosenPortsAreTheSameEachTimeAndDiffer) {
  EXPECT_EQ(chosen_port("db", 0), chosen_port("db", 0));
  EXPECT_NE(chosen_port("db", 0), chosen_port("db", 1));
  EXPECT_NE(chosen_port("db", 0), chosen_port("ssh", 0));
  for (unsigned i = 0; i < 100; ++i) {
    EXPECT_GE(chosen_port("x", i), 20000);
    EXPECT_LT(chosen_port("x", i), 30000);
  }
}

TEST(ZtnaForwarding, ListensForWhatTheProfileSaysAndStopsWithIt) {
  net::Loop loop;
  SystemClock clock;
  Forwarding forwarding(loop, clock, [] { return std::nullopt; });
  EXPECT_EQ(forwarding.json(), "[]");
  proto::ZtnaDestination d;
  d.name = "forwarding-test-" + std::to_string(::getpid());
  d.host = "10.0.0.5";
  d.port = 22;
  d.gateway = "gw.example:443";
  forwarding.set({d});
  EXPECT_THAT(forwarding.json(), HasSubstr("\"listen\":\"127.0.0.1:2"));
  // Its port is taken now: whoever asks for the same says so, and tries again.
  proto::ZtnaDestination same = d;
  same.name = "other";
  const auto json = forwarding.json();
  same.listen_port = static_cast<std::uint16_t>(std::stoi(json.substr(json.find("127.0.0.1:") + 10, 5)));
  forwarding.set({d, same});
  EXPECT_THAT(forwarding.json(), HasSubstr("\"listen\":null"));
  EXPECT_THAT(forwarding.json(), HasSubstr("listening on 127.0.0.1 port"));
  forwarding.set({});
  EXPECT_EQ(forwarding.json(), "[]");
}

}  // namespace
}  // namespace postern::agent
