#include "agent/collectors/run_program.h"

#include <gtest/gtest.h>

namespace postern::agent {
namespace {

using std::chrono::milliseconds;
constexpr milliseconds kLong{60'000};

TEST(RunProgram, GivesItsOutputAndStatus) {
  const auto out = run_program({"/bin/sh", "-c", "echo hello; echo unseen >&2; cat; exit 3"}, kLong);
  ASSERT_TRUE(out) << out.error().message;
  EXPECT_EQ(out->text, "hello\n");
  EXPECT_EQ(out->exit_status, 3);
}

TEST(RunProgram, EndsWhatDoesNotEnd) {
  const auto late = run_program({"/bin/sh", "-c", "exec 1>&-; sleep 1000"}, milliseconds(20));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, ErrorCode::kDeadlineExceeded);
  const auto much = run_program({"/bin/sh", "-c", "while :; do echo xxxxxxxxxxxxxxxx; done"}, kLong, 1000);
  ASSERT_FALSE(much);
  EXPECT_EQ(much.error().code, ErrorCode::kResourceExhausted);
  // What it started holds the output open.
  EXPECT_EQ(run_program({"/bin/sh", "-c", "sleep 1000 & exit 0"}, milliseconds(20)).error().code,
            ErrorCode::kDeadlineExceeded);
}

TEST(RunProgram, ThatIsNotThereOrDiesIsAnError) {
  EXPECT_EQ(run_program({"/nonexistent/program"}, kLong).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(run_program({"/bin/sh", "-c", "kill -9 $$"}, kLong).error().code, ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace postern::agent
