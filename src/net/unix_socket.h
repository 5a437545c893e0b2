#pragma once
// Local sockets: messages framed as a 4-byte little-endian length and a body, between programs of one machine.
#include <sys/types.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "net/loop.h"
#include "net/patience.h"

namespace postern::net {

/// Who is at the other end, as the kernel says (SO_PEERCRED).
struct PeerCredentials {
  pid_t pid = 0;
  uid_t uid = 0;
  gid_t gid = 0;
};

/// Thread: loop.
class UnixConnection {
 public:
  virtual ~UnixConnection() = default;
  virtual void send(std::string message) = 0;
  virtual void close() = 0;  ///< After what is queued.
  virtual void abort() = 0;  ///< At once: for those that do not fetch what is queued.
  virtual const PeerCredentials& peer() const = 0;
  virtual std::size_t queued_bytes() const = 0;
  std::function<void(std::string)> on_message;
  std::function<void()> on_close;
};
using UnixConnectionPtr = std::shared_ptr<UnixConnection>;

class UnixServer {
 public:
  virtual ~UnixServer() = default;  ///< Removes the socket file.
  /// Replaces a stale socket file; refuses one that a live process listens on. `mode` is the file's.
  static Result<std::unique_ptr<UnixServer>> listen(Loop& loop, const std::string& path, mode_t mode,
                                                    std::function<void(UnixConnectionPtr)> on_connection,
                                                    std::size_t max_message = 1u << 20);
};

/// Removes a stale socket file. Errors: kInvalidArgument (too long), kAlreadyExists (no socket, or a live process listens).
Status make_way_for_socket(const std::string& path);

/// Connects at once (local sockets don't wait). Errors: kNotFound (nothing listens: "is the daemon running?"),
/// kPermissionDenied.
Result<UnixConnectionPtr> connect_unix(Loop& loop, const std::string& path, std::size_t max_message = 1u << 20);

/// Blocking request and reply without a loop, for command-line tools. While the other side is silent `told` is said
/// after kSilenceTold, and after `limit` it is over. Errors: as connect_unix, kUnavailable (it closed), kDataLoss,
/// kDeadlineExceeded (its message does not say who is silent: the caller knows more).
Result<std::string> unix_call(const std::string& path, const std::string& message, std::chrono::seconds limit,
                              const std::string& told, Patience& patience = real_patience());

}  // namespace postern::net
