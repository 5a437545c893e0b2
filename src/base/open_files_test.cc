#include "base/open_files.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>

namespace postern {
namespace {

TEST(OpenFiles, AreRaisedToWhatIsWantedAsFarAsTheyMayBe) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  ASSERT_GE(before.rlim_max, 256u);
  const rlimit low{128, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &low), 0);
  EXPECT_EQ(raise_open_files(64), 128u) << "never lower";
  EXPECT_EQ(raise_open_files(200), 200u);
  EXPECT_EQ(raise_open_files(std::size_t{1} << 40), static_cast<std::size_t>(std::min<rlim_t>(before.rlim_max, 1u << 30)));
  ::setrlimit(RLIMIT_NOFILE, &before);
}

}  // namespace
}  // namespace postern
