#include "gateway/cli/patience.h"

#include <poll.h>

#include <cerrno>
#include <cstdio>

namespace postern::gateway::cli {
namespace {

class RealPatience final : public Patience {
 public:
  bool ready(int fd, short events, std::chrono::milliseconds limit) override {
    using Clock = std::chrono::steady_clock;
    const auto end = Clock::now() + limit;
    for (;;) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now());
      pollfd what{fd, events, 0};  // a negative descriptor is left out: poll only waits
      const int n = poll(&what, 1, left.count() > 0 ? static_cast<int>(left.count()) : 0);
      if (n > 0) return true;
      if (n == 0) return false;
      if (errno != EINTR) return true;  // reading or writing will say what is wrong
    }
  }
  void say(const std::string& text) override { std::fprintf(stderr, "%s\n", text.c_str()); }
};

}  // namespace

Patience& real_patience() {
  static RealPatience patience;
  return patience;
}

}  // namespace postern::gateway::cli
