#include "agent/forward/forwarding.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/json.hpp>

#include "base/random.h"
#include "pki/authority.h"

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
  EXPECT_EQ(refusal_text(example(), answered(429, "text/plain; charset=utf-8", "this endpoint has 1024 connections forwarded\n"), {}).text,
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
  Forwarding forwarding(loop, clock, [] { return std::nullopt; }, 10);
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

TEST(ZtnaForwarding, OpenConnectionsLeaveTheAgentFilesOfItsOwn) {
  EXPECT_EQ(most_open(0), 1u);
  EXPECT_EQ(most_open(385), 1u);
  EXPECT_EQ(most_open(1024), 320u);
  EXPECT_EQ(most_open(16384), 4096u);
  EXPECT_EQ(most_open(1u << 30), 4096u);
}

int tcp_socket() { return ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0); }

sockaddr_in loopback(int port) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  out.sin_port = htons(static_cast<std::uint16_t>(port));
  return out;
}

TEST(ZtnaForwarding, BeyondTheMostOfAllDestinationsNoneIsOpened) {
  net::Loop loop;
  SystemClock clock;
  SystemRandom random;
  const auto now = clock.now().wall;
  const auto someone = pki::make_root("someone", "nobody", {now - std::chrono::hours(1), now + std::chrono::hours(1)}, random);
  // A gateway that never says a word.
  const int gateway = tcp_socket();
  auto at = loopback(0);
  socklen_t size = sizeof at;
  ASSERT_EQ(::bind(gateway, reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
  ASSERT_EQ(::listen(gateway, 16), 0);
  ASSERT_EQ(::getsockname(gateway, reinterpret_cast<sockaddr*>(&at), &size), 0);

  Forwarding forwarding(
      loop, clock, [&] { return net::TlsIdentity{pki::to_pem(someone.certificate), someone.key.to_pem()}; }, 3);
  std::vector<proto::ZtnaDestination> destinations(2);
  for (std::size_t i = 0; i < 2; ++i) {
    auto& d = destinations[i];
    d.name = "most-" + std::to_string(i) + "-" + std::to_string(::getpid());
    d.host = "10.0.0.5";
    d.port = 22;
    d.gateway = "127.0.0.1:" + std::to_string(ntohs(at.sin_port));
    d.fingerprint = Sha256{};
  }
  forwarding.set(destinations);
  std::vector<int> clients;
  const auto open = [&](std::size_t i) {
    const auto told = boost::json::parse(forwarding.json()).as_array().at(i).at("listen").as_string();
    const std::string where(told);
    const auto to = loopback(std::stoi(where.substr(where.find(':') + 1)));
    clients.push_back(tcp_socket());
    ASSERT_EQ(::connect(clients.back(), reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);
  };
  const auto wait_for = [&](std::string_view said) {
    auto look = loop.every(std::chrono::milliseconds(1), [&] {
      if (forwarding.json().find(said) != std::string::npos) loop.stop();
    });
    auto patience = loop.after(std::chrono::seconds(20), [&] { loop.stop(); });
    loop.run();
    EXPECT_THAT(forwarding.json(), HasSubstr(std::string(said)));
  };
  open(0);
  open(0);
  wait_for("\"open\":2");
  open(1);
  wait_for("\"open\":1");
  open(1);
  wait_for("3 connections to ZTNA destinations are open already");
  EXPECT_THAT(forwarding.json(), HasSubstr("\"open\":1"));
  const int taken = ::accept(gateway, nullptr, nullptr);  // of the first destination's first connection
  ASSERT_GE(taken, 0);
  ::close(taken);
  wait_for("\"open\":1,\"last_error\":\"connecting to");
  open(1);
  wait_for("\"open\":2,\"last_error\":\"3 connections");
  for (const int fd : clients) ::close(fd);
  ::close(gateway);
}

}  // namespace
}  // namespace postern::agent
