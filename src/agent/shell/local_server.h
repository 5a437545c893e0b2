#pragma once
// The agent's Unix socket: who may be connected, for how long, and whose turn it is. What is asked and answered is the
// daemon's.
#include <sys/types.h>

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "agent/local_api/client_limits.h"
#include "base/result.h"
#include "net/unix_socket.h"

namespace postern::agent {

/// Thread: loop.
class LocalServer {
 public:
  struct Options {
    ClientLimits::Options limits{};
    /// Without a whole request, or with an answer that is not fetched: after this the connection ends. A request that
    /// is being worked on may take longer.
    std::chrono::nanoseconds idle = std::chrono::seconds(30);
  };
  /// Answers the request that it was made for, once, now or later; a client that has gone meanwhile hears nothing.
  using Answer = std::function<void(std::string message)>;
  using OnRequest = std::function<void(const net::PeerCredentials& peer, const std::string& message, Answer answer)>;

  /// `loop` outlives this. Errors: those of net::UnixServer::listen.
  static Result<std::unique_ptr<LocalServer>> listen(net::Loop& loop, const std::string& path, Options options,
                                                     OnRequest on_request);
  ~LocalServer();
  LocalServer(const LocalServer&) = delete;
  LocalServer& operator=(const LocalServer&) = delete;

  std::size_t clients() const { return clients_.size(); }

 private:
  struct Client {
    net::UnixConnectionPtr connection;
    net::Handle idle;
    bool busy = false;   // with a request that is not answered yet
  };
  LocalServer(net::Loop& loop, Options options, OnRequest on_request)
      : loop_(loop), options_(std::move(options)), limits_(options_.limits), on_request_(std::move(on_request)) {}

  void accept(const net::UnixConnectionPtr& connection);
  void on_message(net::UnixConnection& connection, const std::string& message);
  void await(net::UnixConnection& connection);

  net::Loop& loop_;
  Options options_;
  ClientLimits limits_;
  OnRequest on_request_;
  std::map<net::UnixConnection*, Client> clients_;
  std::unique_ptr<net::UnixServer> server_;
};

}  // namespace postern::agent
