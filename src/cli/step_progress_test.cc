#include "cli/step_progress.h"

#include <gtest/gtest.h>

#include "cli/program_lab.h"

namespace postern::cli {
namespace {

TEST(StepProgressTest, SaysHowFarItIsAfterASecondAndLeavesNothingBehind) {
  FakeTerminal terminal;
  ManualClock clock{WallTime()};
  terminal.looks().progress = true;
  {
    StepProgress progress(terminal, clock, 3, "tags looked at");
    progress.step();
    EXPECT_EQ(terminal.said_err, "");
    clock.advance(Millis(1100));
    progress.step();
    progress.step();
    EXPECT_EQ(terminal.said_err, "\r\x1b[K2 of 3 tags looked at");
  }
  EXPECT_TRUE(terminal.said_err.ends_with("\r\x1b[K"));
}

}  // namespace
}  // namespace postern::cli
