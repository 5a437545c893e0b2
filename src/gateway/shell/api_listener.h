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
/// the file system, naming the certificate.
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

  /// Opens a listener for this port of the configuration (0: the command line's) unless the one in use is it; only
  /// `use_prepared` brings it into use. Errors: those of net::Server::listen, in words for the one who configures.
  Status prepare(std::uint16_t configured_port);
  /// What was prepared last takes over. Requests that the old listener is answering may take ten more seconds. Error:
  /// the runtime file can't be written.
  Status use_prepared();
  /// What new connections are shown from now on. Error: kInvalidArgument; the identity before then stays.
  Status present(net::TlsIdentity identity);
  std::uint16_t port() const { return server_ ? server_->port() : 0; }

 private:
  net::TlsServerConfig tls() const;

  net::Loop& loop_;
  Options options_;
  net::HttpHandler handler_;
  net::RefusalHandler refusal_;
  std::uint16_t configured_ = 0, prepared_for_ = 0;
  std::unique_ptr<net::Server> server_, prepared_, retired_;
  net::Handle retire_;
};

}  // namespace postern::gateway
