#pragma once
// For tests of what a command line does with a program that stands still: no time passes, and nobody answers.
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

#include "net/patience.h"

namespace postern::net {

/// Whoever is not ready at once never is; the time is only counted.
class CountedPatience final : public Patience {
 public:
  bool ready(int fd, short events, std::chrono::milliseconds limit) override {
    pollfd what{fd, events, 0};
    if (poll(&what, 1, 0) > 0) return true;
    waited += limit;
    return false;
  }
  void say(const std::string& text) override { said.push_back(text); }

  std::chrono::milliseconds waited{0};
  std::vector<std::string> said;
};

/// Listens at a Unix socket with the shortest queue and, like a process that was stopped, does nothing else.
class StillListener {
 public:
  explicit StillListener(const std::string& path) : fd_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    if (bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 || listen(fd_, 0) != 0) {
      throw std::runtime_error("can't listen at " + path);
    }
  }
  StillListener(const StillListener&) = delete;
  StillListener& operator=(const StillListener&) = delete;
  ~StillListener() { close(fd_); }
  int fd() const { return fd_; }

 private:
  int fd_;
};

}  // namespace postern::net
