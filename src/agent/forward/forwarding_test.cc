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

TEST(ZtnaForwarding, ADenialIsToldInItsWordsWithItsId) {
  const auto told = refusal_text(answered(403, "application/json",
                                          R"({"error":{"code":"065","reason":"missing_tag","title":"Something is missing","message":"Look.",)"
                                          R"("details":["Start the mark."],"denial_id":"K7QM-2D9F"}})"),
                                 {});
  EXPECT_EQ(told.text, "Something is missing: Look. Start the mark.");
  EXPECT_EQ(told.denial_id, "K7QM-2D9F");
}

TEST(ZtnaForwarding, OtherAnswersAreToldToo) {
  EXPECT_EQ(refusal_text(answered(502, "text/plain; charset=utf-8", "10.0.0.5:22: Connection refused\n"), {}).text,
            "10.0.0.5:22: Connection refused");
  EXPECT_EQ(refusal_text(answered(404, "text/html", "<html>"), {}).text, "the gateway answered with status 404");
  EXPECT_EQ(refusal_text(answered(403, "application/json", R"({"error":{}})"), {}).text, "refused with status 403");
  EXPECT_EQ(refusal_text({0, {}, {ErrorCode::kUnavailable, "no way"}}, {}).text, "no way");
  // Nothing of it can move a terminal's cursor.
  EXPECT_THAT(refusal_text(answered(502, "text/plain", "a\x1b[2Jb"), {}).text, Not(HasSubstr("\x1b")));
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
