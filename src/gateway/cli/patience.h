#pragma once
// How the command line's client waits for the gateway: not for ever, and not silently. Tests give their own, and let no
// time pass.
#include <chrono>
#include <string>

namespace postern::gateway::cli {

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

/// Silence after which the person is told, and after which the gateway is given up. A gateway that works on a command
/// says so each second, so that only one that stands still is silent.
inline constexpr std::chrono::seconds kSilenceTold{5};
inline constexpr std::chrono::seconds kSilenceEnds{15};
/// The longest that a command may be worked on: more than every timeout inside the gateway together.
inline constexpr std::chrono::seconds kLongestCommand{600};

}  // namespace postern::gateway::cli
