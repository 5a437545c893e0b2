#include "agent/collectors/asked/reachability.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "agent/collectors/asked/asked_lab.h"

namespace postern::agent {
namespace {

posture::Fact ask_network(const std::string& key) { return answer_all({key}, "/", from_unix_ms(1)).at(key); }

TEST(WebAddress, IsAnAbsoluteUrl) {
  EXPECT_EQ(parse_web_address("http://intra.example"), (WebAddress{false, "intra.example", 80, "/"}));
  EXPECT_EQ(parse_web_address("HTTPS://10.0.1.1:8443/a?b#c"), (WebAddress{true, "10.0.1.1", 8443, "/a?b"}));
  EXPECT_EQ(parse_web_address("http://[fd00::1]:81?x"), (WebAddress{false, "fd00::1", 81, "/?x"}));
  for (const auto* bad : {"", "intra.example", "ftp://x", "http://", "http://x:0", "http://x:99999", "http://u@x",
                          "http://[x]", "http://[::1", "http://[::1]x", "http://x/ y", "http://x/\r\nHost: y", "://x"}) {
    EXPECT_FALSE(parse_web_address(bad)) << bad;
  }
}

TEST(WebAddress, IsAskedAsItStands) {
  const auto question = web_question(*parse_web_address("https://intra.example:8443/a%20b/c?up=1&up=2&all#top"), "ROOTS",
                                     std::chrono::milliseconds(1'500));
  EXPECT_EQ(question.path, "/a%20b/c?up=1&up=2&all");
  EXPECT_EQ(question.target.host, "intra.example");
  EXPECT_EQ(question.target.port, 8443);
  EXPECT_EQ(question.target.tls.server_name, "intra.example");
  EXPECT_EQ(question.target.tls.roots_pem, "ROOTS");
  EXPECT_FALSE(question.plain_to_loopback);
  EXPECT_EQ(question.limits.total.count(), 1'500);
}

TEST(Echo, IsTheAnswerToOurQuestion) {
  const Bytes reply{0, 0, 1, 2, 0x12, 0x34, 0, 7, 'x'};
  EXPECT_TRUE(is_echo(reply, false, false, 0x1234, 7));
  EXPECT_TRUE(is_echo(reply, false, false, 0, 7));
  EXPECT_FALSE(is_echo(reply, false, false, 0x1235, 7));
  EXPECT_FALSE(is_echo(reply, false, false, 0x1234, 8));
  EXPECT_FALSE(is_echo(reply, true, false, 0x1234, 7));
  EXPECT_FALSE(is_echo(ByteView(reply).first(7), false, false, 0, 7));
  Bytes raw(20, 0);
  raw[0] = 0x45;
  raw.insert(raw.end(), reply.begin(), reply.end());
  EXPECT_TRUE(is_echo(raw, false, true, 0x1234, 7));
  raw[0] = 0x4f;
  EXPECT_FALSE(is_echo(raw, false, true, 0x1234, 7));
  EXPECT_FALSE(is_echo({}, false, true, 0, 0));
}

TEST(HttpAnswer, BeginsAsOne) {
  EXPECT_TRUE(is_http_answer("HTTP/1.0 404 Not Found\r\n"));
  EXPECT_FALSE(is_http_answer("HTTP/1.1 40"));
  EXPECT_FALSE(is_http_answer("SSH-2.0-OpenSSH_9.2\r\n"));
  EXPECT_FALSE(is_http_answer(""));
}

TEST(Reachability, OfThisMachineItself) {
  const auto resolved = ask_network(keys::with(keys::kResolves, "localhost"));
  const auto* addresses = resolved.as<std::vector<std::string>>();
  ASSERT_NE(addresses, nullptr) << resolved.source;
  EXPECT_NE(std::ranges::find(*addresses, "127.0.0.1"), addresses->end());
  const auto echo = ask_network(keys::with(keys::kPings, "127.0.0.1"));
  if (echo.known()) {
    EXPECT_EQ(echo.value, posture::FactValue(true)) << echo.source;
  } else {
    EXPECT_EQ(echo.as<posture::Unknown>()->reason, posture::UnknownReason::kDenied);
  }
}

/// Answers the first connection with a text.
struct OneAnswer {
  explicit OneAnswer(std::string text) {
    fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address);
    ::listen(fd, 1);
    socklen_t size = sizeof address;
    ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
    thread = std::thread([this, text = std::move(text)] {
      const int one = ::accept(fd, nullptr, nullptr);
      char buffer[1024];
      [[maybe_unused]] const auto asked = ::recv(one, buffer, sizeof buffer, 0);
      ::send(one, text.data(), text.size(), MSG_NOSIGNAL);
      ::close(one);
    });
  }
  ~OneAnswer() {
    thread.join();
    ::close(fd);
  }
  std::string url(const char* scheme) const {
    return std::string(scheme) + "://127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/health";
  }
  int fd;
  sockaddr_in address{};
  std::thread thread;
};

TEST(Reachability, AWebServerAnswersOrDoesNot) {
  {
    OneAnswer server("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n");
    EXPECT_EQ(ask_network(keys::with(keys::kWebAnswers, server.url("http"))).value, posture::FactValue(true));
  }
  {
    OneAnswer server("SSH-2.0-something\r\n");
    EXPECT_EQ(ask_network(keys::with(keys::kWebAnswers, server.url("http"))).value, posture::FactValue(false));
  }
  std::string gone;
  {
    OneAnswer server("no TLS at all");
    gone = server.url("http");
    EXPECT_EQ(ask_network(keys::with(keys::kWebAnswers, server.url("https"))).value, posture::FactValue(false));
  }
  EXPECT_EQ(ask_network(keys::with(keys::kWebAnswers, gone)).value, posture::FactValue(false));
  EXPECT_FALSE(ask_network(keys::with(keys::kWebAnswers, "nonsense")).known());
}

}  // namespace
}  // namespace postern::agent
