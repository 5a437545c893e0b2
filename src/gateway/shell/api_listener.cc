#include "gateway/shell/api_listener.h"

#include <unistd.h>

#include <fmt/format.h>

#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "gateway/shell/pem.h"

namespace postern::gateway {

Result<ListenAddress> parse_listen_address(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon != text.npos) {
    auto host = text.substr(0, colon);
    if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
    const auto ip = IpAddress::parse(host);
    const auto port = parse_u64(text.substr(colon + 1));
    if (ip && port && *port <= 65535) return ListenAddress{*ip, static_cast<std::uint16_t>(*port)};
  }
  return fail(
      ErrorCode::kInvalidArgument,
      fmt::format("\"{}\" is no address to listen at; allowed: 0.0.0.0:8444, [::]:8444, port 0: a free one", text));
}

Result<net::TlsIdentity> api_identity(const config::GatewayConfig& config, const Device& device) {
  const auto* own = config::find_named(config.certificates, config.global.admin_certificate);
  if (own == nullptr) return net::TlsIdentity{device.server_chain_pem, device.server_key_pem};
  auto chain = pem_of(own->certificate);
  auto key = pem_of(own->private_key);
  const auto name = "certificate local " + own->name;
  if (!chain || !key) return fail((chain ? key : chain).error().context(name));
  if (auto good = check_pair(*chain, *key); !good) return fail(good.error().context(name));
  return net::TlsIdentity{std::move(*chain), std::move(*key)};
}

ApiListener::ApiListener(net::Loop& loop, Options options, net::HttpHandler handler, net::RefusalHandler refusal)
    : loop_(loop),
      options_(std::move(options)),
      identity_(options_.identity),
      handler_(std::move(handler)),
      refusal_(std::move(refusal)) {}

ApiListener::~ApiListener() {
  std::error_code ignored;
  if (server_) std::filesystem::remove(options_.runtime_file, ignored);
}

net::TlsServerConfig ApiListener::tls(const net::TlsIdentity& identity) const {
  net::TlsServerConfig tls;
  tls.identity = identity;
  tls.alpn = {{"http/1.1"}, {""}};
  tls.tls13_only = false;  // browsers and scripts of all kinds
  return tls;
}

Status ApiListener::present(net::TlsIdentity identity) {
  for (auto* server : {server_.get(), prepared_.get()}) {
    if (server == nullptr) continue;
    if (auto shown = server->set_tls(tls(identity)); !shown) return shown;
  }
  identity_ = std::move(identity);
  return {};
}

Result<std::unique_ptr<net::Server>> ApiListener::open(std::uint16_t port) {
  net::ServerLimits limits;
  limits.repeatable = {"filter"};
  limits.max_body = 2u << 20;
  limits.max_connections = 1000;
  const auto listen = [&](const net::TlsIdentity& identity) {
    return net::Server::listen(loop_, options_.address.ip, port, tls(identity), handler_, nullptr, limits, refusal_);
  };
  auto server = listen(identity_);
  // Given to `present` while nobody listened who would have judged it.
  if (!server && server.error().code == ErrorCode::kInvalidArgument) server = listen(options_.identity);
  if (!server) return fail(server.error().context("the REST API"));
  return server;
}

Status ApiListener::begin(std::uint16_t configured_port) {
  configured_ = configured_port;
  try_again();
  if (prepared_) return use_prepared();
  log_error("api.unreachable", health().error().message);
  std::error_code ignored;
  std::filesystem::remove(options_.runtime_file, ignored);  // of a gateway that was killed
  retry_ = loop_.every(std::chrono::seconds(1), [this] {
    try_again();
    if (auto used = use_prepared(); !used) log_error("api.runtime_file", used.error().message);
  });
  return {};
}

void ApiListener::try_again() {
  auto server = open(port_of(configured_));
  if (!server) {
    trouble_ = server.error();
    return;
  }
  prepared_ = std::move(*server);
  prepared_for_ = configured_;
}

Status ApiListener::health() const {
  if (server_) return {};
  return fail(trouble_.code,
              trouble_.message +
                  "; it is tried again each second: end the program that has the port (ss -ltnp shows it), or give "
                  "the REST API another: config system global, set admin-sport <port>, end");
}

Status ApiListener::prepare(std::uint16_t configured_port) {
  prepared_.reset();
  take_back_ = false;
  if (configured_port == configured_) return {};  // it listens there, or that is waited for
  const std::uint16_t port = port_of(configured_port);
  if (server_ && port == server_->port()) {  // the same by another name
    configured_ = configured_port;
    return {};
  }
  prepared_for_ = configured_port;
  if (retired_ && port == retired_->port()) {
    take_back_ = true;
    return {};
  }
  auto server = open(port);
  if (!server) return fail(server.error());
  prepared_ = std::move(*server);
  return {};
}

Status ApiListener::use_prepared() {
  if (std::exchange(take_back_, false)) {
    prepared_ = std::move(retired_);
    if (prepared_) static_cast<void>(prepared_->set_tls(tls(identity_)));  // the one in use shows it, too
    if (!prepared_) {  // its ten seconds ended in between
      auto server = open(port_of(prepared_for_));
      if (!server) return fail(server.error());
      prepared_ = std::move(*server);
    }
  }
  if (!prepared_) return {};
  // The request that changed the port is still being answered by the old one.
  retired_ = std::exchange(server_, std::exchange(prepared_, nullptr));
  configured_ = prepared_for_;
  retry_.cancel();
  if (retired_) retire_ = loop_.after(std::chrono::seconds(10), [this] { retired_.reset(); });
  log_info("api.listening",
           fmt::format("the REST API listens on {} port {}", options_.address.ip.str(), server_->port()));
  return write_file_atomic(options_.runtime_file,
                           fmt::format("{{\"pid\":{},\"serial\":\"{}\",\"https_port\":{}}}\n", ::getpid(),
                                       options_.serial.str(), server_->port()),
                           0644);
}

}  // namespace postern::gateway
