#include "net/patience.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstdio>
#include <utility>

namespace postern::net {
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

bool wait_for(Patience& patience, int fd, short events, std::chrono::seconds limit, const std::string& told) {
  if (patience.ready(fd, events, kSilenceTold)) return true;
  patience.say(told);
  return patience.ready(fd, events, limit - kSilenceTold);
}

int connect_to(int fd, const sockaddr_un& address, Patience& patience, std::chrono::seconds limit,
               const std::string& told) {
  constexpr std::chrono::milliseconds kAgain{100};
  bool said = false;
  for (std::chrono::milliseconds waited{0};; waited += kAgain) {
    if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return 0;
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return errno;
    if (waited >= limit) return EAGAIN;
    if (waited >= kSilenceTold && !std::exchange(said, true)) patience.say(told);
    patience.ready(-1, 0, kAgain);
  }
}

}  // namespace postern::net
