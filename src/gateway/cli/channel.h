#pragma once
// The client's connection to the daemon: blocking, one request after the other.
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "gateway/cli/wire.h"
#include "net/patience.h"

namespace postern::gateway::cli {

using net::kSilenceEnds;
using net::kSilenceTold;
using net::Patience;

/// The longest that a command may be worked on: more than every timeout inside the gateway together. A gateway that works
/// on a command says so each second, so that only one that stands still is silent.
inline constexpr std::chrono::seconds kLongestCommand{600};

class Channel {
 public:
  /// `patience` outlives the channel. Errors: kNotFound ("is the gateway running?"), kPermissionDenied, kInvalidArgument
  /// (path too long), kDeadlineExceeded (somebody listens and takes nobody in).
  static Result<std::unique_ptr<Channel>> connect(const std::string& path, Patience& patience = net::real_patience());
  ~Channel();
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;
  /// Waits as long as the gateway says that it is at work, kLongestCommand at most, and kSilenceEnds for one that says
  /// nothing. Errors: kUnavailable (the daemon went away), kDataLoss, kDeadlineExceeded. After an error the channel is of
  /// no use: each further request ends with the same.
  Result<Response> ask(const Request& request);
  /// From Patience::ready, while `ask` waits for an answer: the gateway is to give the command up. `ask` then returns what
  /// the command had to say, with the prompt behind that.
  void cancel();
  /// Readable while nothing is asked: the gateway has gone.
  int fd() const { return fd_; }

 private:
  Channel(int fd, Patience& patience) : fd_(fd), patience_(patience) {}
  Result<Response> exchange(const Request& request);
  Status write_all(std::string_view bytes);
  Status read_all(char* out, std::size_t size);
  Result<std::string> read_message();
  Status send_request(const Request& request);
  Result<Response> receive();

  int fd_;
  Patience& patience_;
  std::optional<Error> broken_;
  bool cancelled_ = false;
};

}  // namespace postern::gateway::cli
