#include "gateway/health/answers.h"

#include <gtest/gtest.h>

namespace postern::gateway::health {
namespace {

TEST(HealthAnswers, TheStatusOfAnHttpAnswer) {
  EXPECT_EQ(http_status("HTTP/1.1 200 OK\r\n"), 200);
  EXPECT_EQ(http_status("HTTP/1.0 503\r\n"), 503);
  EXPECT_EQ(http_status("HTTP/1.1 100 "), 100);
  EXPECT_EQ(http_status("HTTP/1.1 599\n"), 599);
  for (const auto* text : {"", "HTTP/1.1 20", "HTTP/1.1 200", "HTTP/1.1 2000", "HTTP/2 200 OK  ", "HTTP/1.2 200 ", "HTTP/1.1 099 ",
                           "HTTP/1.1 600 ", "HTTP/1.1 2x0 ", "SSH-2.0-OpenSSH_9", "HTTP/1.1  200 "}) {
    EXPECT_FALSE(http_status(text)) << text;
  }
}

TEST(HealthAnswers, AnEchoIsKnownByWhatItCarries) {
  for (const bool v6 : {false, true}) {
    auto reply = echo_request(v6, 7, 9, 0x1122334455667788);
    EXPECT_FALSE(is_echo_reply(reply, v6, false, 9, 0x1122334455667788)) << "a request is none";
    reply[0] = v6 ? 129 : 0;
    EXPECT_TRUE(is_echo_reply(reply, v6, false, 9, 0x1122334455667788));
    EXPECT_FALSE(is_echo_reply(reply, v6, false, 8, 0x1122334455667788));
    EXPECT_FALSE(is_echo_reply(reply, v6, false, 9, 0x1122334455667789));
    EXPECT_FALSE(is_echo_reply(reply, !v6, false, 9, 0x1122334455667788));
    EXPECT_FALSE(is_echo_reply(ByteView(reply).first(15), v6, false, 9, 0x1122334455667788));
  }
  auto reply = echo_request(false, 7, 9, 1);
  reply[0] = 0;
  reply.insert(reply.begin(), 20, 0);
  reply[0] = 0x45;
  EXPECT_TRUE(is_echo_reply(reply, false, true, 9, 1));
  reply[0] = 0x4f;
  EXPECT_FALSE(is_echo_reply(reply, false, true, 9, 1)) << "a header longer than the packet";
  reply[0] = 0x40;
  EXPECT_FALSE(is_echo_reply(reply, false, true, 9, 1));
  EXPECT_FALSE(is_echo_reply({}, false, true, 9, 1));
}

}  // namespace
}  // namespace postern::gateway::health
