#pragma once
// The client's connection to the daemon: blocking, one request after the other.
#include <memory>
#include <string>

#include "gateway/cli/wire.h"

namespace postern::gateway::cli {

class Channel {
 public:
  /// Errors: kNotFound ("is the gateway running?"), kPermissionDenied, kInvalidArgument (path too long).
  static Result<std::unique_ptr<Channel>> connect(const std::string& path);
  ~Channel();
  /// Errors: kUnavailable (the daemon went away), kDataLoss.
  Result<Response> ask(const Request& request);

 private:
  explicit Channel(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace postern::gateway::cli
