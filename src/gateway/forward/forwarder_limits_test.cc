#include "gateway/forward/forwarder_limits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include "base/file.h"

namespace postern::gateway {
namespace {

using ::testing::HasSubstr;

TEST(ForwarderLimits, AreWhatOpenFilesAreEnoughFor) {
  const auto all = forwarder_limits(open_files_for_forwarder());
  EXPECT_EQ(all.max_tunnels, 16'384u);
  EXPECT_EQ(all.max_per_owner, 1'024u);
  EXPECT_LT(forwarder_limits(open_files_for_forwarder() - 2).max_tunnels, 16'384u);
  EXPECT_EQ(forwarder_limits(1u << 30).max_tunnels, 16'384u);
  for (const std::size_t files : {256u, 512u, 1024u, 4096u, 20'000u, 36'991u, 40'000u}) {
    const auto limits = forwarder_limits(files);
    EXPECT_LE(2 * limits.max_tunnels + limits.max_beginning + 100, files) << files;
    EXPECT_GE(limits.max_per_owner, 1u);
    EXPECT_LE(4 * limits.max_per_owner, std::max<std::size_t>(limits.max_tunnels, 4)) << files;
  }
  // Where there is next to nothing one is tried.
  EXPECT_EQ(forwarder_limits(20).max_tunnels, 1u);
}

TEST(ForwarderState, IsReadAsItIsWritten) {
  ForwarderState state{1, 2, 3, 4, 5, 6, std::nullopt, MonoTime(Seconds(5))};
  EXPECT_EQ(*parse_forwarder_state(print_forwarder_state(state)), state);
  state.full_at = MonoTime(Seconds(77));
  const auto text = print_forwarder_state(state);
  EXPECT_EQ(*parse_forwarder_state(text), state);
  for (const auto& wrong : {std::string(), text + "x", text.substr(1), "x" + text.substr(1), std::string(text.size(), '9'),
                            std::string(text.size() - 1, ' ') + "\n"}) {
    EXPECT_FALSE(parse_forwarder_state(wrong)) << wrong;
  }
  char folder[] = "/tmp/forwarder-state-XXXXXX";
  ASSERT_NE(::mkdtemp(folder), nullptr);
  ForwarderStateFile file;
  file.tell(state);  // nobody is there to be told
  ASSERT_TRUE(file.open(folder));
  file.tell(state);
  state.open = 12'345;
  file.tell(state);
  EXPECT_EQ(*parse_forwarder_state(*read_file(ForwarderStateFile::path(folder), 1024)), state);
  std::filesystem::remove_all(folder);
}

TEST(ForwarderHealth, SaysThatItIsFullAndWhatLimitsIt) {
  const MonoTime now{Seconds(1000)};
  ForwarderState state{10, 16'384, 1'024, 40'000, 0, 0, std::nullopt, now};
  EXPECT_EQ(*forwarder_health(state, now), "10 of 16384 connections, 1024 at most of one endpoint");
  state.most = 400;
  EXPECT_THAT(*forwarder_health(state, now), HasSubstr("LimitNOFILE=36992"));
  state.full_at = now - Seconds(59);
  EXPECT_THAT(forwarder_health(state, now).error().message, HasSubstr("limit on open files, 40000"));
  state.most = 16'384;
  EXPECT_THAT(forwarder_health(state, now).error().message, HasSubstr("the most that one forwarder carries"));
  state.full_at = now - Seconds(60);
  EXPECT_TRUE(forwarder_health(state, now));
}

TEST(ForwarderHealth, SaysThatItHangs) {
  const MonoTime now{Seconds(1000)};
  ForwarderState state{10, 16'384, 1'024, 40'000, 0, 0, std::nullopt, now - kForwarderSilent + Millis(1)};
  EXPECT_TRUE(forwarder_health(state, now));
  state.alive_at = now - kForwarderSilent;
  EXPECT_THAT(forwarder_health(state, now).error().message, HasSubstr("has not run for 5 s"));
}

}  // namespace
}  // namespace postern::gateway
