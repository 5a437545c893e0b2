#include "agent/shell/loop_lab.h"

#include <gtest/gtest.h>

#include <chrono>

namespace postern::agent {

void run_until(net::Loop& loop, const char* what, const std::function<bool()>& condition) {
  bool late = false;
  auto limit = loop.after(std::chrono::seconds(30), [&] {
    late = true;
    loop.stop();
  });
  auto look = loop.every(std::chrono::milliseconds(1), [&] {
    if (condition()) loop.stop();
  });
  if (!condition()) loop.run();
  EXPECT_FALSE(late) << what << ": it did not happen";
}

}  // namespace postern::agent
