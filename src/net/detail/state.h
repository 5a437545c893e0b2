#pragma once
// For src/net/*.cc only: what Loop hides, and the byte stream that HTTP and WebSocket are spoken over.
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/system/error_code.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "net/loop.h"
#include "net/tls.h"

namespace postern::net::detail {

namespace asio = boost::asio;
using boost::system::error_code;
template <class T>
using Task = asio::awaitable<T>;

struct LoopState {
  asio::io_context io{1};
  asio::executor_work_guard<asio::io_context::executor_type> work{io.get_executor()};
  std::unique_ptr<asio::thread_pool> workers;
  std::vector<std::function<void()>> deferred;
  bool flush_posted = false;
};

/// A Handle that calls a function when it is cancelled.
Handle make_handle(std::function<void()> cancel);

/// Bytes both ways. Thread: loop. Errors are told as error_code so that expected ends cost nothing.
class Transport {
 public:
  virtual ~Transport() = default;
  /// 0 bytes: the other end is done, or `ec` says what went wrong.
  virtual Task<std::size_t> read_some(char* data, std::size_t size, error_code& ec) = 0;
  virtual Task<void> write_all(const char* data, std::size_t size, error_code& ec) = 0;
  virtual void close() = 0;  ///< At once; pending operations end with an error.
  const PeerIdentity& peer() const { return peer_; }

 protected:
  PeerIdentity peer_;
};
using TransportPtr = std::shared_ptr<Transport>;

struct ServerTls;
/// Errors: kInvalidArgument.
Result<std::shared_ptr<ServerTls>> make_server_tls(const TlsServerConfig& config);
/// The server's half of a handshake; null with `error` set if it failed. `timer` limits it.
Task<TransportPtr> accept_tls(asio::ip::tcp::socket socket, std::shared_ptr<ServerTls> tls,
                              std::chrono::seconds limit, std::string& error);
TransportPtr plain_transport(asio::ip::tcp::socket socket);

/// What a client that has been told to stop looks at.
struct Cancelled {
  bool yes = false;
  std::function<void()> abort;
};
/// Resolves, connects and shakes hands.
Task<Result<TransportPtr>> connect_tls(asio::io_context& io, std::string host, std::uint16_t port, TlsClientConfig tls,
                                       std::chrono::milliseconds limit, std::string source_ip,
                                       std::shared_ptr<Cancelled> cancelled);

}  // namespace postern::net::detail
