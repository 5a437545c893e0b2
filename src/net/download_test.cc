#include "net/download.h"

#include <gtest/gtest.h>

#include <optional>

#include "base/random.h"
#include "net/one_answer_lab.h"
#include "net/server.h"
#include "pki/authority.h"

namespace postern::net {
namespace {

struct Fetched {
  std::optional<Result<Downloaded>> result;
  std::string body;
};

Fetched fetch(Download what, const DownloadSink& also = nullptr) {
  Loop loop;
  Fetched out;
  auto handle = download(
      loop, std::move(what),
      [&](std::string_view piece) -> Status {
        out.body += piece;
        return also ? also(piece) : Status();
      },
      [&](Result<Downloaded> result) {
        out.result = std::move(result);
        loop.stop();
      });
  loop.run();
  return out;
}

Download plain(std::uint16_t port) {
  Download what;
  what.target.host = "127.0.0.1";
  what.target.port = port;
  what.plain_to_loopback = true;
  what.path = "/x?y=%20";
  return what;
}

void expect_error(const Fetched& got, ErrorCode code, std::string_view says) {
  ASSERT_TRUE(got.result);
  ASSERT_FALSE(*got.result);
  EXPECT_EQ(got.result->error().code, code) << got.result->error().message;
  EXPECT_NE(got.result->error().message.find(says), std::string::npos) << got.result->error().message;
}

TEST(Download, GivesTheBodyInPiecesHoweverItIsFramed) {
  const std::string large(300'000, 'x');
  const std::string head = "HTTP/1.1 200 OK\r\nETag: \"a\"\r\n";
  for (const auto& answer : {head + "Content-Length: 300000\r\n\r\n" + large,
                             head + "Transfer-Encoding: chunked\r\n\r\n493e0\r\n" + large + "\r\n0\r\n\r\n",
                             head + "\r\n" + large}) {
    OneAnswer server(answer);
    auto what = plain(server.port());
    what.headers.add("If-None-Match", "\"b\"");
    std::size_t largest = 0;
    const auto got = fetch(std::move(what), [&](std::string_view piece) {
      largest = std::max(largest, piece.size());
      return Status();
    });
    ASSERT_TRUE(got.result && *got.result) << got.result->error().message;
    EXPECT_EQ((*got.result)->status, 200);
    EXPECT_EQ((*got.result)->bytes, 300'000u);
    EXPECT_EQ((*got.result)->end_told, !answer.starts_with(head + "\r\n"));
    EXPECT_EQ(*(*got.result)->headers.find("etag"), "\"a\"");
    EXPECT_EQ(got.body, large);
    EXPECT_LE(largest, 64u << 10);
  }
}

TEST(Download, AsksForWhatItWasTold) {
  std::string request;
  {
    OneAnswer server("HTTP/1.1 304 Not Modified\r\n\r\n");
    auto what = plain(server.port());
    what.headers.add("If-None-Match", "\"b\"");
    const auto got = fetch(std::move(what));
    ASSERT_TRUE(got.result && *got.result);
    EXPECT_EQ((*got.result)->status, 304);
    EXPECT_EQ(got.body, "");
    request = server.request();
  }
  EXPECT_TRUE(request.starts_with("GET /x?y=%20 HTTP/1.1\r\nHost: 127.0.0.1:")) << request;
  EXPECT_NE(request.find("If-None-Match: \"b\"\r\n"), request.npos) << request;
}

TEST(Download, TheTextOfARefusalIsNoBody) {
  OneAnswer server("HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnope");
  const auto got = fetch(plain(server.port()));
  ASSERT_TRUE(got.result && *got.result);
  EXPECT_EQ((*got.result)->status, 404);
  EXPECT_EQ(got.body, "");
}

TEST(Download, WhatIsCutShortOrNoHttpIsAnError) {
  const struct {
    const char* answer;
    const char* says;
  } cases[] = {{"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", "cut short after 4 bytes"},
               {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", "cut short after 4 bytes"},
               {"HTTP/1.1 200 OK\r\nContent-", "cut short"},
               {"", "without an answer"},
               {"SSH-2.0-OpenSSH\r\n\r\n", "not a valid HTTP/1.1 answer"}};
  for (const auto& c : cases) {
    OneAnswer server(c.answer);
    expect_error(fetch(plain(server.port())), ErrorCode::kDataLoss, c.says);
  }
}

TEST(Download, IsBounded) {
  const std::string large(1000, 'x');
  for (const auto& answer : {"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + large,
                             "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\n" + large + "\r\n0\r\n\r\n"}) {
    OneAnswer server(answer);
    auto what = plain(server.port());
    what.limits.max_bytes = 999;
    expect_error(fetch(std::move(what)), ErrorCode::kResourceExhausted, "limit of 999 bytes");
  }
}

TEST(Download, AServerThatStandsStillIsGivenUp) {
  OneAnswer server("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", true);
  auto what = plain(server.port());
  what.limits.idle = std::chrono::milliseconds(50);
  expect_error(fetch(std::move(what)), ErrorCode::kDeadlineExceeded, "nothing came");
}

TEST(Download, AnErrorOfTheSinkEndsIt) {
  OneAnswer server("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody");
  expect_error(fetch(plain(server.port()), [](std::string_view) { return Status(fail(ErrorCode::kResourceExhausted, "disk full")); }),
               ErrorCode::kResourceExhausted, "disk full");
}

TEST(Download, WithoutTlsOnlyThisMachineIsConnectedTo) {
  auto what = plain(9);
  what.target.host = "192.0.2.1";  // an address for documentation: never reached
  expect_error(fetch(std::move(what)), ErrorCode::kPermissionDenied, "only this machine");
}

TEST(Download, OverTlsTheServerHasToBeTrusted) {
  SeededRandom random{3};
  const auto now = SystemClock().now().wall;
  const pki::Validity day{now - std::chrono::hours(1), now + std::chrono::hours(24)};
  const auto root = pki::make_root("root", "o", day, random);
  const auto server = pki::make_server(root, "server", {"127.0.0.1"}, day, random);
  for (const bool trusted : {true, false}) {
    Loop loop;
    TlsServerConfig config;
    config.identity = {pki::to_pem(server.certificate), server.key.to_pem()};
    config.alpn = {{"http/1.1"}, {""}};
    auto listener = Server::listen(
        loop, *IpAddress::parse("127.0.0.1"), 0, config,
        [](HttpRequest request, HttpResponder respond) { respond({200, {}, request.path}); }, nullptr);
    ASSERT_TRUE(listener) << listener.error().message;
    Download what;
    what.target.host = "127.0.0.1";
    what.target.port = (*listener)->port();
    what.target.tls.roots_pem = trusted ? pki::to_pem(root.certificate) : std::string();
    what.path = "/feed";
    Fetched got;
    auto handle = download(
        loop, std::move(what),
        [&](std::string_view piece) -> Status {
          got.body += piece;
          return {};
        },
        [&](Result<Downloaded> result) {
          got.result = std::move(result);
          loop.stop();
        });
    loop.run();
    if (!trusted) {
      expect_error(got, ErrorCode::kUnauthenticated, "certificate is refused");
      continue;
    }
    ASSERT_TRUE(got.result && *got.result) << got.result->error().message;
    EXPECT_EQ(got.body, "/feed");
  }
}

}  // namespace
}  // namespace postern::net
