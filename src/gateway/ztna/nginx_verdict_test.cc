#include "gateway/ztna/nginx_verdict.h"

#include <gmock/gmock.h>

namespace postern::gateway {
namespace {

using testing::HasSubstr;

constexpr std::string_view kReconfiguring =
    "2026/11/25 19:00:00 [notice] 71#71: signal 1 (SIGHUP) received from 9, reconfiguring\n";
constexpr std::string_view kTaken =
    "2026/11/25 19:00:00 [emerg] 71#71: bind() to 0.0.0.0:443 failed (98: Address already in use)\n";

std::string log(std::initializer_list<std::string_view> lines) {
  std::string out;
  for (const auto line : lines) out += line;
  return out;
}

std::optional<Status> nginx_verdict(std::string_view log, pid_t master) { return NginxVerdict(master).take(log); }

TEST(NginxVerdict, WaitsUntilTheMasterSaysIt) {
  EXPECT_FALSE(nginx_verdict("", 71));
  EXPECT_FALSE(nginx_verdict(kReconfiguring, 71));
  EXPECT_FALSE(nginx_verdict(log({kReconfiguring, kTaken, kTaken}), 71)) << "it tries again";
  EXPECT_FALSE(nginx_verdict("2026/11/25 19:00:00 [notice] 72#72: start worker processes\n", 71)) << "somebody else";
  EXPECT_FALSE(nginx_verdict("2026/11/25 19:00:00 [notice] 71#71: start worker processes", 71)) << "half a line";
  EXPECT_FALSE(nginx_verdict("2026/11/25 19:00:00 [emerg] 73#73: a worker's own trouble\n", 71));
}

TEST(NginxVerdict, GoodWhenWorkersStart) {
  const auto verdict = nginx_verdict(
      log({kReconfiguring, kTaken, "2026/11/25 19:00:01 [notice] 71#71: start worker processes\n"}), 71);
  ASSERT_TRUE(verdict);
  EXPECT_TRUE(*verdict) << "the port became free meanwhile";
}

TEST(NginxVerdict, NamesEachPortOnceAndSaysWhatToDo) {
  const auto verdict =
      nginx_verdict(log({kReconfiguring, kTaken,
                         "2026/11/25 19:00:00 [emerg] 71#71: bind() to 10.9.9.9:444 failed (99: Cannot assign "
                         "requested address)\n",
                         kTaken, "2026/11/25 19:00:02 [emerg] 71#71: still could not bind()\n"}),
                    71);
  ASSERT_TRUE(verdict);
  ASSERT_FALSE(*verdict);
  EXPECT_EQ(verdict->error().code, ErrorCode::kConflict);
  EXPECT_THAT(verdict->error().message, HasSubstr("can't listen at 0.0.0.0:443: another program listens there"));
  EXPECT_THAT(verdict->error().message, HasSubstr("can't listen at 10.9.9.9:444: this machine doesn't have"));
  EXPECT_EQ(verdict->error().message.find("0.0.0.0:443"), verdict->error().message.rfind("0.0.0.0:443"));
}

TEST(NginxVerdict, AnythingElseThatStopsIt) {
  const auto verdict =
      nginx_verdict("2026/11/25 19:00:00 [emerg] 71#71: open() \"/x/y\" failed (28: No space left on device)\n", 71);
  ASSERT_TRUE(verdict);
  ASSERT_FALSE(*verdict);
  EXPECT_EQ(verdict->error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(verdict->error().message, HasSubstr("No space left"));
}

TEST(NginxVerdict, AClientCannotWriteIt) {
  constexpr std::string_view kWorker =
      "2026/11/25 19:00:00 [error] 72#72: *5 upstream timed out, client: 10.0.0.9, referrer: ";
  for (const std::string_view sent : {"\"[emerg] 71#71: x\"\n", "\" [emerg] 71#71: x\"\n",
                                      "2026/11/25 19:00:00 [emerg] 71#71: x\n",
                                      "\" [notice] 71#71: start worker processes\n"}) {
    EXPECT_FALSE(nginx_verdict(log({kWorker, sent}), 71)) << sent;
  }
  for (const std::string_view other :
       {"[emerg] 71#71: x\n", " [emerg] 71#71: x\n", "2026/11/25 19:00:00 [emerg] 71#710: x\n",
        "2026/11/25 19:00:00 [emerg] 171#171: x\n", "2026/11/25 19:00:00 [a [emerg] 71#71: x\n",
        "2026/11/25 19:00:0x [emerg] 71#71: x\n", "2026/11/25 19:00:00 [emerg", "\n"}) {
    EXPECT_FALSE(nginx_verdict(other, 71)) << other;
  }
}

TEST(NginxVerdict, KeepsWhatItFoundInTheOutputOfBusyWorkers) {
  NginxVerdict verdict(71);
  EXPECT_FALSE(verdict.take(kTaken));
  const std::string busy = "2026/11/25 19:00:00 [error] 72#72: *5 " + std::string(200, 'x') + "\n";
  for (int i = 0; i < 5000; ++i) ASSERT_FALSE(verdict.take(busy));
  // No line of nginx's is that long; where it is cut, no other begins.
  EXPECT_FALSE(verdict.take(std::string(100'000, 'x') + "2026/11/25 19:00:00 [emerg] 71#71: x\n"));
  for (const char c : std::string("2026/11/25 19:00:02 [emerg] 71#71: still could not bind()")) {
    ASSERT_FALSE(verdict.take({&c, 1}));
  }
  const auto decided = verdict.take("\n");
  ASSERT_TRUE(decided);
  ASSERT_FALSE(*decided);
  EXPECT_EQ(decided->error().code, ErrorCode::kConflict);
  EXPECT_THAT(decided->error().message, HasSubstr("0.0.0.0:443"));
}

}  // namespace
}  // namespace postern::gateway
