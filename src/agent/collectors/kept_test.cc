#include "agent/collectors/kept.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>

#include "agent/collectors/root_lab.h"

namespace postern::agent {
namespace {

constexpr std::array<std::string_view, 1> kNames{"keeper"};
const auto kBoot = from_unix_ms(1'780'000'000'000);

TEST(Starts, AreThoseOfTheFirstProcess) {
  const auto ticks = std::to_string(::sysconf(_SC_CLK_TCK) * 30);
  const auto first = "1 (a b) c) S 0 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 " + ticks + " 0\n";
  EXPECT_EQ(parse_start("cpu 1\nbtime 1780000000\n", first), kBoot + Seconds(30));  // a container's
  EXPECT_EQ(parse_start("btime 1780000000", ""), kBoot);
  for (const auto* odd : {"1 (x", "1 (x) S", ")", "1 (x) S 0 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 many 0"})
    EXPECT_EQ(parse_start("btime 1780000000\n", odd), kBoot) << odd;
  for (const auto* odd : {"", "btime", "btime x\n", "btime 99999999999999\n"}) EXPECT_FALSE(parse_start(odd, first)) << odd;
}

class Kept : public RootLab {
 protected:
  Facts facts() const { return Facts(root_, kBoot); }
};

TEST_F(Kept, IsADirectoryThatItsServiceSeesToo) {
  runs(7, "keeper");
  EXPECT_EQ(keeper_of(facts(), "/run/it", kNames), Keeper::kNone);  // there is no such directory
  put("run/it/x", "");
  EXPECT_EQ(keeper_of(facts(), "/run/it", kNames), Keeper::kRuns);
  ends(7);
  EXPECT_EQ(keeper_of(facts(), "/run/it", kNames), Keeper::kNone);
  runs(8, "another");
  put("elsewhere/run/it/x", "");
  runs(9, "keeper", "elsewhere");
  EXPECT_EQ(keeper_of(facts(), "/run/it", kNames), Keeper::kNone);
}

TEST_F(Kept, IsNothingWhoseServiceHasEndedAndWaitsForItsParent) {
  put("run/it/x", "");
  runs(7, "keeper");
  put("proc/7/stat", "7 (keeper) Z 1 1\n");
  EXPECT_EQ(keeper_of(facts(), "/run/it", kNames), Keeper::kNone);
}

TEST_F(Kept, IsNotKnownOfAnImage) {
  put("run/it/x", "");
  EXPECT_EQ(keeper_of(facts(), "/run/it", kNames), Keeper::kNone);
  EXPECT_FALSE(of_this_start(facts(), "/run/it/x"));
}

TEST_F(Kept, IsOfThisStartWhatWasWrittenSince) {
  put("run/x", "");
  const auto now = SystemClock().now().wall;
  started(now - Seconds(3600));
  EXPECT_TRUE(of_this_start(facts(), "/run/x"));
  EXPECT_FALSE(of_this_start(facts(), "/run/y"));
  started(now + kStartSlack + Seconds(5));
  EXPECT_FALSE(of_this_start(facts(), "/run/x"));
}

TEST_F(Kept, IsNotWrittenIntoAFileThatWasMadeLaterOn) {
  EXPECT_TRUE(written_into(kBoot, std::nullopt));
  EXPECT_TRUE(written_into(kBoot, kBoot + Seconds(3600)));  // the clock was set meanwhile
  EXPECT_TRUE(written_into(kBoot + Seconds(1'000'000), kBoot));
  EXPECT_FALSE(written_into(kBoot, kBoot + Seconds(86'401)));
  put("run/x", "");
  EXPECT_FALSE(made_at(facts(), "/run/y"));
  const auto made = made_at(facts(), "/run/x");
  if (!made) GTEST_SKIP() << "this file system does not say when a file was made";
  const auto now = SystemClock().now().wall;
  EXPECT_LE(*made, now);
  EXPECT_GE(*made + Seconds(3600), now);
}

}  // namespace
}  // namespace postern::agent
