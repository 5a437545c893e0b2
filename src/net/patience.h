#pragma once
// How a command line waits for the daemon it talks to: not for ever, and not silently. Tests give their own, and let no
// time pass.
#include <chrono>
#include <string>

struct sockaddr_un;

namespace postern::net {

class Patience {
 public:
  virtual ~Patience() = default;
  /// Waits until `fd` is ready for `events` (POLLIN, POLLOUT of poll(2)), for `limit` at most; without an `fd` (-1) just
  /// that long. False: it is not ready, and `limit` has passed.
  virtual bool ready(int fd, short events, std::chrono::milliseconds limit) = 0;
  /// Tells the person that waits; one line without its end.
  virtual void say(const std::string& text) = 0;
};

/// By poll(2) and on standard error.
Patience& real_patience();

/// Silence after which the person is told, and after which a daemon is given up that has nothing to work on for longer.
inline constexpr std::chrono::seconds kSilenceTold{5};
inline constexpr std::chrono::seconds kSilenceEnds{15};

/// Waits for `fd`: first silently, after kSilenceTold `told` is said, after `limit` (longer than that) it is over: false.
bool wait_for(Patience& patience, int fd, short events, std::chrono::seconds limit, const std::string& told);

/// Connects the non-blocking `fd`: 0, or the errno. A listener that takes nobody in (its queue is full) is waited for like
/// one that does not answer; EAGAIN: until `limit`.
int connect_to(int fd, const sockaddr_un& address, Patience& patience, std::chrono::seconds limit,
               const std::string& told);

}  // namespace postern::net
