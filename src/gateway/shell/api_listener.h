#pragma once
// Where the REST API is reached: an HTTPS listener whose port and certificate may change while it runs, and the file that
// tells it.
#include <filesystem>
#include <memory>
#include <string>

#include "base/ids.h"
#include "base/ip.h"
#include "base/result.h"
#include "gateway/config/model.h"
#include "gateway/shell/device.h"
#include "net/loop.h"
#include "net/server.h"

namespace postern::gateway {

struct ListenAddress {
  IpAddress ip;
  std::uint16_t port = 0;  ///< 0: a free one.
};
/// "0.0.0.0:8444", "[::]:8444". Error: kInvalidArgument.
Result<ListenAddress> parse_listen_address(std::string_view text);

/// What the REST API is to present: the certificate that the configuration names, or the device's own. Errors: those of
/// the file system and of check_pair, naming the certificate.
Result<net::TlsIdentity> api_identity(const config::GatewayConfig& config, const Device& device);

/// Thread: loop.
class ApiListener {
 public:
  struct Options {
    ListenAddress address;  ///< The command line's.
    net::TlsIdentity identity;  ///< What it presents until `present` says otherwise.
    std::filesystem::path runtime_file;  ///< {"pid","serial","https_port"}; removed with the listener.
    GatewaySerial serial;
  };
  ApiListener(net::Loop& loop, Options options, net::HttpHandler handler, net::RefusalHandler refusal);
  ~ApiListener();

  /// For the start: a port that can't be had now is no reason not to. It is tried once in a second from then on, and
  /// `health` says so. Error: the runtime file can't be written.
  Status begin(std::uint16_t configured_port);
  /// Opens a listener for this port of the configuration (0: the command line's) unless the one in use is it, or the one
  /// that is waited for; only `use_prepared` brings it into use. Errors: those of net::Server::listen, in words for the one
  /// who configures.
  Status prepare(std::uint16_t configured_port);
  /// What was prepared last takes over. Requests that the old listener is answering may take ten more seconds, in which
  /// its port can be taken back. Error: the runtime file can't be written.
  Status use_prepared();
  /// What new connections are shown from now on. Error: kInvalidArgument; the identity before then stays.
  Status present(net::TlsIdentity identity);
  /// Where it listens, or is to as soon as it can.
  std::uint16_t port() const { return server_ ? server_->port() : port_of(configured_); }
  /// Whether it listens; otherwise why not, and what to do.
  Status health() const;

 private:
  std::uint16_t port_of(std::uint16_t configured) const { return configured != 0 ? configured : options_.address.port; }
  net::TlsServerConfig tls(const net::TlsIdentity& identity) const;
  Result<std::unique_ptr<net::Server>> open(std::uint16_t port);
  void try_again();

  net::Loop& loop_;
  Options options_;
  net::TlsIdentity identity_;  // what is presented now
  net::HttpHandler handler_;
  net::RefusalHandler refusal_;
  std::uint16_t configured_ = 0, prepared_for_ = 0;
  std::unique_ptr<net::Server> server_, prepared_, retired_;
  bool take_back_ = false;  // what is prepared is the retired one
  Error trouble_;           // while there is no server_
  net::Handle retire_, retry_;
};

}  // namespace postern::gateway
