#pragma once
// The command line's server side: sessions over the daemon's Unix socket. The socket's mode decides who may connect;
// the session's rights are those of an administrator.
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "gateway/cli/session.h"
#include "net/loop.h"
#include "net/unix_socket.h"

namespace postern::gateway::cli {

using SessionFactory = std::function<std::unique_ptr<CliSession>(const net::PeerCredentials&)>;

/// Lives as long as it listens. Thread: loop.
class CliServer {
 public:
  static Result<std::unique_ptr<CliServer>> listen(net::Loop& loop, const std::string& path,
                                                   SessionFactory factory, mode_t mode = 0600);
  ~CliServer();

 private:
  struct Impl;
  explicit CliServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace postern::gateway::cli
