// What never becomes a request is answered in the listener's own form.
#include <gtest/gtest.h>

#include "net/raw_client_lab.h"
#include "net/server.h"

namespace postern::net {
namespace {

/// The whole answer to these bytes.
std::string answer(std::string_view request, RefusalHandler refusal, std::size_t max_header = 4096) {
  Loop loop;
  ServerLimits limits;
  limits.max_header = max_header;
  limits.max_body = 100;
  auto server = Server::listen_plain(
      loop, *IpAddress::parse("127.0.0.1"), 0,
      [](HttpRequest, HttpResponder respond) { respond({200, {}, "handled"}); }, nullptr, limits, std::move(refusal));
  if (!server) return server.error().message;
  return exchange(loop, (*server)->port(), request, [&] { loop.run(); });
}

HttpResponse own(int status, const Error& error) {
  HttpResponse response{status, {}, "{\"" + error.message + "\"}"};
  response.headers.add("Content-Type", "application/json");
  return response;
}

TEST(Refusal, HasTheListenersForm) {
  const std::string too_long(200, 'x');
  const std::pair<std::string, std::string> cases[] = {
      {"GET /a//b HTTP/1.1\r\nHost: x\r\n\r\n", "{\"the path is not in its canonical form\"}"},
      {"GET /a?q=1&q=2 HTTP/1.1\r\nHost: x\r\n\r\n", "{\"the query names q twice\"}"},
      {"GET /a?q=%4 HTTP/1.1\r\nHost: x\r\n\r\n", "{\"the query has a broken % escape\"}"},
      {"GET / HTTP/1.1\r\n\r\n", "{\"exactly one Host header is needed\"}"},
      {"G@T / HTTP/1.1\r\nHost: x\r\n\r\n", "{\"not a valid HTTP/1.1 request"},
      {"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
       "{\"only WebSocket upgrades are served here\"}"}};
  for (const auto& [request, text] : cases) {
    const auto got = answer(request, own);
    EXPECT_TRUE(got.starts_with("HTTP/1.1 400")) << got;
    EXPECT_NE(got.find("Content-Type: application/json"), std::string::npos) << got;
    EXPECT_NE(got.find("\r\n\r\n" + text), std::string::npos) << got;
  }
  for (const auto& request :
       {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 200\r\n\r\n" + too_long,
        "GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + std::string(5000, 'x') + "\r\n\r\n"}) {
    const auto got = answer(request, own);
    EXPECT_TRUE(got.starts_with("HTTP/1.1 413")) << got;
    EXPECT_NE(got.find("{\"the request is too large\"}"), std::string::npos) << got;
  }
}

TEST(Refusal, IsReadAlsoByWhoSendsEverythingFirst) {
  // More than the buffers of both ends hold: closing on it would reset the connection.
  const std::string body(16u << 20, 'x');
  const auto got = answer("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body, own);
  EXPECT_TRUE(got.starts_with("HTTP/1.1 413")) << got;
}

TEST(Refusal, SaysThatATargetIsTooLongAndHowLongItMayBe) {
  const auto got = answer("GET /" + std::string(16384, 'x') + " HTTP/1.1\r\nHost: x\r\n\r\n", own, 32 << 10);
  EXPECT_TRUE(got.starts_with("HTTP/1.1 414")) << got;
  EXPECT_NE(got.find("longer than the 16384 bytes"), std::string::npos) << got;
  const auto just = answer("GET /" + std::string(16383, 'x') + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", own, 32 << 10);
  EXPECT_TRUE(just.starts_with("HTTP/1.1 200")) << just;
}

TEST(Refusal, IsPlainTextWithoutOne) {
  const auto got = answer("GET /a//b HTTP/1.1\r\nHost: x\r\n\r\n", nullptr);
  EXPECT_TRUE(got.starts_with("HTTP/1.1 400")) << got;
  EXPECT_NE(got.find("Content-Type: text/plain"), std::string::npos) << got;
}

}  // namespace
}  // namespace postern::net
