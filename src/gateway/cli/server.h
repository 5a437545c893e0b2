#pragma once
// The command line's server side: sessions over the daemon's Unix socket. The socket's mode decides who may connect;
// the session's rights are those of an administrator.
#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "gateway/cli/session.h"
#include "gateway/cli/wire.h"
#include "net/loop.h"
#include "net/unix_socket.h"

namespace postern::gateway::cli {

using SessionFactory = std::function<std::unique_ptr<CliSession>(const net::PeerCredentials&)>;

/// Lives as long as it listens. A client whose command takes longer is told each `working_every` that it is worked on,
/// so that it can tell a slow command from a gateway that stands still. Thread: loop.
class CliServer {
 public:
  static Result<std::unique_ptr<CliServer>> listen(net::Loop& loop, const std::string& path, SessionFactory factory,
                                                   mode_t mode = 0600,
                                                   std::chrono::milliseconds working_every = kWorkingEvery);
  ~CliServer();

 private:
  struct Impl;
  explicit CliServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace postern::gateway::cli
