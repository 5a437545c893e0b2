#include "net/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <fmt/format.h>

#include "base/clock.h"
#include "net/detail/state.h"
#include "pki/certificate.h"
#include "pki/key.h"

namespace postern::net::detail {

namespace ssl = asio::ssl;
using asio::ip::tcp;
using TlsStream = ssl::stream<tcp::socket>;

struct ServerTls {
  ssl::context context{ssl::context::tls};
  std::vector<AlpnPolicy> alpn;
  std::vector<Bytes> client_roots;
};

namespace {

auto quietly(error_code& ec) { return asio::redirect_error(asio::use_awaitable, ec); }

IpAddress to_ip(const asio::ip::address& address) {
  return address.is_v4() ? IpAddress::v4(address.to_v4().to_bytes()) : IpAddress::v6(address.to_v6().to_bytes());
}

void read_remote(const tcp::socket& socket, PeerIdentity& peer) {
  error_code ec;
  const auto end = socket.remote_endpoint(ec);
  if (ec) return;
  peer.remote_ip = to_ip(end.address());
  peer.remote_port = end.port();
}

Bytes der_of(X509* x) {
  unsigned char* der = nullptr;
  const int size = i2d_X509(x, &der);
  if (size <= 0) return {};
  Bytes out(der, der + size);
  OPENSSL_free(der);
  return out;
}

/// The chain as the peer sent it, leaf first.
void read_chain(SSL* session, PeerIdentity& peer) {
  peer.chain_der.clear();
  X509* leaf = SSL_get0_peer_certificate(session);
  if (leaf == nullptr) return;
  peer.chain_der.push_back(der_of(leaf));
  STACK_OF(X509)* chain = SSL_get_peer_cert_chain(session);
  for (int i = 0; chain != nullptr && i < sk_X509_num(chain) && i < 10; ++i) {
    auto der = der_of(sk_X509_value(chain, i));
    if (der != peer.chain_der.front()) peer.chain_der.push_back(std::move(der));
  }
}

void read_alpn(SSL* session, PeerIdentity& peer) {
  const unsigned char* text = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(session, &text, &size);
  peer.alpn.assign(reinterpret_cast<const char*>(text), size);
}

class PlainTransport final : public Transport {
 public:
  explicit PlainTransport(tcp::socket socket) : socket_(std::move(socket)) { read_remote(socket_, peer_); }
  Task<std::size_t> read_some(char* data, std::size_t size, error_code& ec) override {
    const auto n = co_await socket_.async_read_some(asio::buffer(data, size), quietly(ec));
    co_return n;
  }
  Task<void> write_all(const char* data, std::size_t size, error_code& ec) override {
    co_await asio::async_write(socket_, asio::buffer(data, size), quietly(ec));
  }
  void close() override {
    error_code ignored;
    socket_.close(ignored);
  }

 private:
  tcp::socket socket_;
};

class TlsTransport final : public Transport {
 public:
  TlsTransport(std::shared_ptr<ssl::context> own, std::unique_ptr<TlsStream> stream, PeerIdentity peer)
      : context_(std::move(own)), stream_(std::move(stream)) {
    peer_ = std::move(peer);
  }
  Task<std::size_t> read_some(char* data, std::size_t size, error_code& ec) override {
    const auto n = co_await stream_->async_read_some(asio::buffer(data, size), quietly(ec));
    co_return n;
  }
  Task<void> write_all(const char* data, std::size_t size, error_code& ec) override {
    co_await asio::async_write(*stream_, asio::buffer(data, size), quietly(ec));
  }
  void close() override {
    error_code ignored;
    stream_->lowest_layer().close(ignored);
  }

 private:
  std::shared_ptr<ssl::context> context_;
  std::unique_ptr<TlsStream> stream_;
};

Status use_identity(SSL_CTX* context, const TlsIdentity& identity) {
  auto chain = pki::certificates_from_pem(identity.chain_pem);
  if (!chain) return fail(chain.error().context("certificate"));
  auto key = pki::PrivateKey::from_pem(identity.key_pem);
  if (!key) return fail(key.error());
  if (auto good = pki::check_key(chain->front(), *key); !good) return good;
  for (std::size_t i = 0; i < chain->size(); ++i) {
    const unsigned char* at = (*chain)[i].data();
    X509* x = d2i_X509(nullptr, &at, static_cast<long>((*chain)[i].size()));
    const int good = i == 0 ? SSL_CTX_use_certificate(context, x) : SSL_CTX_add1_chain_cert(context, x);
    X509_free(x);
    if (good != 1) return fail(ErrorCode::kInvalidArgument, "OpenSSL does not take the certificate");
  }
  if (SSL_CTX_use_PrivateKey(context, key->native()) != 1) {
    return fail(ErrorCode::kInvalidArgument, "OpenSSL does not take the private key");
  }
  return {};
}

bool offers(const unsigned char* list, std::size_t size, const std::string& protocol) {
  for (std::size_t i = 0; i < size;) {
    const std::size_t length = list[i];
    if (i + 1 + length > size) return false;
    if (std::string_view(reinterpret_cast<const char*>(list + i + 1), length) == protocol) return true;
    i += 1 + length;
  }
  return false;
}

const AlpnPolicy* choose(const ServerTls& tls, const unsigned char* list, std::size_t size) {
  for (const auto& policy : tls.alpn) {
    if (policy.protocol.empty() ? size == 0 : offers(list, size, policy.protocol)) return &policy;
  }
  return nullptr;
}

/// The protocol offered decides whether this client is asked for a certificate: browsers never see the question.
int on_client_hello(SSL* session, int* alert, void* argument) {
  const auto& tls = *static_cast<ServerTls*>(argument);
  const unsigned char* data = nullptr;
  std::size_t size = 0;
  if (SSL_client_hello_get0_ext(session, TLSEXT_TYPE_application_layer_protocol_negotiation, &data, &size) == 1 && size > 2) {
    data += 2;  // the list's own length
    size -= 2;
  } else {
    size = 0;
  }
  const auto* policy = choose(tls, data, size);
  if (policy == nullptr) {
    *alert = SSL_AD_NO_APPLICATION_PROTOCOL;
    return SSL_CLIENT_HELLO_ERROR;
  }
  int mode = SSL_VERIFY_NONE;
  if (policy->client_certificate != ClientCertificate::kNone) mode = SSL_VERIFY_PEER;
  if (policy->client_certificate == ClientCertificate::kAny || policy->client_certificate == ClientCertificate::kRequired) {
    mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
  }
  // The verdict is made after the handshake, by pki::verify_chain; here every chain is let through.
  SSL_set_verify(session, mode, [](int, X509_STORE_CTX*) { return 1; });
  return SSL_CLIENT_HELLO_SUCCESS;
}

int on_alpn(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* in, unsigned in_size,
            void* argument) {
  const auto* policy = choose(*static_cast<ServerTls*>(argument), in, in_size);
  if (policy == nullptr || policy->protocol.empty()) return SSL_TLSEXT_ERR_ALERT_FATAL;
  *out = reinterpret_cast<const unsigned char*>(policy->protocol.data());
  *out_size = static_cast<unsigned char>(policy->protocol.size());
  return SSL_TLSEXT_ERR_OK;
}

void verify_client(const ServerTls& tls, PeerIdentity& peer) {
  if (peer.chain_der.empty()) return;
  // Our own authorities also serve as links, so that a client need not send them.
  std::vector<Bytes> between(peer.chain_der.begin() + 1, peer.chain_der.end());
  between.insert(between.end(), tls.client_roots.begin(), tls.client_roots.end());
  const auto good = pki::verify_chain(peer.chain_der.front(), between, tls.client_roots, pki::Purpose::kClient,
                                      SystemClock().now().wall);
  peer.verified = good.has_value();
  if (!good) peer.verify_error = good.error().message;
}

/// Closes a socket when a limit runs out.
class HandshakeLimit {
 public:
  HandshakeLimit(tcp::socket& socket, std::chrono::milliseconds limit)
      : timer_(std::make_shared<asio::steady_timer>(socket.get_executor())), hit_(std::make_shared<bool>(false)) {
    timer_->expires_after(limit);
    timer_->async_wait([&socket, hit = hit_](error_code ec) {
      if (ec || *hit) return;
      *hit = true;
      error_code ignored;
      socket.close(ignored);
    });
  }
  ~HandshakeLimit() {
    done_ = *hit_;
    *hit_ = true;  // the wait may have been queued already
    timer_->cancel();
  }
  bool hit() const { return *hit_; }

 private:
  std::shared_ptr<asio::steady_timer> timer_;
  std::shared_ptr<bool> hit_;
  bool done_ = false;
};

std::string reason_of(const error_code& ec) {
  if (ec.category() == asio::error::get_ssl_category()) {
    const char* text = ERR_reason_error_string(static_cast<unsigned long>(ec.value()));
    if (text != nullptr) return text;
  }
  return ec.message();
}

/// What the verify callback of a client needs, and leaves behind.
struct ClientVerify {
  const TlsClientConfig* config = nullptr;
  PeerIdentity* peer = nullptr;
  std::vector<Bytes> roots;
  std::string host;
};

bool name_matches(const pki::CertificateInfo& leaf, const std::string& host, const Bytes& der) {
  const unsigned char* at = der.data();
  X509* x = d2i_X509(nullptr, &at, static_cast<long>(der.size()));
  if (x == nullptr) return false;
  const bool is_ip = IpAddress::parse(host).has_value();
  const int good = is_ip ? X509_check_ip_asc(x, host.c_str(), 0) : X509_check_host(x, host.data(), host.size(), 0, nullptr);
  X509_free(x);
  (void)leaf;
  return good == 1;
}

/// Decides on the server before anything of ours, our certificate included, is sent.
int verify_server(X509_STORE_CTX* context, void* argument) {
  auto& verify = *static_cast<ClientVerify*>(argument);
  auto& peer = *verify.peer;
  peer.chain_der.clear();
  X509* leaf = X509_STORE_CTX_get0_cert(context);
  if (leaf == nullptr) return 0;
  peer.chain_der.push_back(der_of(leaf));
  STACK_OF(X509)* sent = X509_STORE_CTX_get0_untrusted(context);
  for (int i = 0; sent != nullptr && i < sk_X509_num(sent) && i < 10; ++i) {
    auto der = der_of(sk_X509_value(sent, i));
    if (der != peer.chain_der.front()) peer.chain_der.push_back(std::move(der));
  }
  const std::vector<Bytes> between(peer.chain_der.begin() + 1, peer.chain_der.end());
  const auto good = pki::verify_chain(peer.chain_der.front(), between, verify.roots, pki::Purpose::kServer,
                                      SystemClock().now().wall);
  peer.verified = good.has_value();
  if (!good) peer.verify_error = good.error().message;
  if (peer.verified && verify.config->check_name) {
    const auto info = pki::parse_certificate(peer.chain_der.front());
    const auto& name = verify.config->server_name.empty() ? verify.host : verify.config->server_name;
    if (!info || !name_matches(*info, name, peer.chain_der.front())) {
      peer.verified = false;
      peer.verify_error = fmt::format("the certificate is not for {}", name);
    }
  }
  const bool accepted = verify.config->accept_peer ? verify.config->accept_peer(peer) : peer.verified;
  if (!accepted) {
    if (peer.verify_error.empty()) peer.verify_error = "it is not the certificate that was accepted";
    X509_STORE_CTX_set_error(context, X509_V_ERR_APPLICATION_VERIFICATION);
  }
  return accepted ? 1 : 0;
}

}  // namespace

Result<std::shared_ptr<ServerTls>> make_server_tls(const TlsServerConfig& config) {
  auto tls = std::make_shared<ServerTls>();
  tls->alpn = config.alpn.empty() ? std::vector<AlpnPolicy>{{"", ClientCertificate::kNone}} : config.alpn;
  SSL_CTX* context = tls->context.native_handle();
  SSL_CTX_set_min_proto_version(context, config.tls13_only ? TLS1_3_VERSION : TLS1_2_VERSION);
  // No tickets, no cache, no early data: what a revocation ended must not be resumed.
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                   SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context, 0);
  if (auto used = use_identity(context, config.identity); !used) return fail(used.error());
  if (!config.client_roots_pem.empty()) {
    auto roots = pki::certificates_from_pem(config.client_roots_pem);
    if (!roots) return fail(roots.error().context("client certificate authorities"));
    tls->client_roots = std::move(*roots);
  }
  SSL_CTX_set_client_hello_cb(context, on_client_hello, tls.get());
  SSL_CTX_set_alpn_select_cb(context, on_alpn, tls.get());
  return tls;
}

TransportPtr plain_transport(tcp::socket socket) { return std::make_shared<PlainTransport>(std::move(socket)); }

Task<TransportPtr> accept_tls(tcp::socket socket, std::shared_ptr<ServerTls> tls, std::chrono::seconds seconds,
                              std::string& error) {
  PeerIdentity peer;
  read_remote(socket, peer);
  auto stream = std::make_unique<TlsStream>(std::move(socket), tls->context);
  error_code ec;
  {
    HandshakeLimit limit(stream->next_layer(), seconds);
    co_await stream->async_handshake(TlsStream::server, quietly(ec));
  }
  if (ec) {
    error = reason_of(ec);
    co_return nullptr;
  }
  read_chain(stream->native_handle(), peer);
  read_alpn(stream->native_handle(), peer);
  verify_client(*tls, peer);
  for (const auto& policy : tls->alpn) {
    if (policy.protocol != peer.alpn || policy.client_certificate != ClientCertificate::kRequired || peer.verified) continue;
    error = "client certificate refused: " + peer.verify_error;
    error_code ignored;
    stream->lowest_layer().close(ignored);
    co_return nullptr;
  }
  // The context has to outlive the stream although set_tls may replace it.
  std::shared_ptr<ssl::context> keep(tls, &tls->context);
  co_return std::make_shared<TlsTransport>(std::move(keep), std::move(stream), std::move(peer));
}

Task<Result<TransportPtr>> connect_tls(asio::io_context& io, std::string host, std::uint16_t port, TlsClientConfig config,
                                       std::chrono::milliseconds milliseconds, std::string source_ip,
                                       std::shared_ptr<Cancelled> cancelled) {
  const auto where = fmt::format("connecting to {}:{}", host, port);
  auto context = std::make_shared<ssl::context>(ssl::context::tls_client);
  SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
  SSL_CTX_set_options(context->native_handle(), SSL_OP_IGNORE_UNEXPECTED_EOF);
  ClientVerify verify;
  PeerIdentity peer;
  verify.config = &config;
  verify.peer = &peer;
  verify.host = host;
  if (!config.roots_pem.empty()) {
    auto roots = pki::certificates_from_pem(config.roots_pem);
    if (!roots) co_return fail(roots.error().context("trusted certificates"));
    verify.roots = std::move(*roots);
  }
  if (config.identity) {
    if (auto used = use_identity(context->native_handle(), *config.identity); !used) co_return fail(used.error());
  }
  SSL_CTX_set_verify(context->native_handle(), SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_cert_verify_callback(context->native_handle(), verify_server, &verify);

  auto stream = std::make_unique<TlsStream>(io, *context);
  auto& socket = stream->next_layer();
  cancelled->abort = [&socket] {
    error_code ignored;
    socket.close(ignored);
  };
  error_code ec;
  bool late = false;
  {
    HandshakeLimit limit(socket, milliseconds);
    tcp::resolver resolver(io);
    const auto found = co_await resolver.async_resolve(host, std::to_string(port), quietly(ec));
    if (ec) {
      cancelled->abort = nullptr;
      co_return fail(ErrorCode::kUnavailable, fmt::format("{}: the name is not known ({})", where, ec.message()));
    }
    for (const auto& entry : found) {
      if (cancelled->yes || limit.hit()) break;
      error_code ignored;
      socket.close(ignored);
      socket.open(entry.endpoint().protocol(), ec);
      if (!ec && !source_ip.empty()) {
        const auto local = asio::ip::make_address(source_ip, ec);
        if (!ec) socket.bind({local, 0}, ec);
      }
      if (ec) continue;
      co_await socket.async_connect(entry.endpoint(), quietly(ec));
      if (!ec) break;
    }
    if (!ec && !cancelled->yes && !limit.hit()) {
      error_code ignored;
      socket.set_option(tcp::no_delay(true), ignored);
      read_remote(socket, peer);
      const auto& name = config.server_name.empty() ? host : config.server_name;
      if (!IpAddress::parse(name)) SSL_set_tlsext_host_name(stream->native_handle(), name.c_str());
      if (!config.alpn.empty()) {
        std::string list(1, static_cast<char>(config.alpn.size()));
        list += config.alpn;
        SSL_set_alpn_protos(stream->native_handle(), reinterpret_cast<const unsigned char*>(list.data()),
                            static_cast<unsigned>(list.size()));
      }
      co_await stream->async_handshake(TlsStream::client, quietly(ec));
      if (ec && !limit.hit()) {
        cancelled->abort = nullptr;
        if (!peer.chain_der.empty() && !peer.verified && !peer.verify_error.empty()) {
          co_return fail(ErrorCode::kUnauthenticated, fmt::format("{}: its certificate is refused: {}", where, peer.verify_error));
        }
        co_return fail(ErrorCode::kUnauthenticated,
                       fmt::format("{}: TLS failed: {} (is this the right port?)", where, reason_of(ec)));
      }
    }
    late = limit.hit();
  }
  cancelled->abort = nullptr;
  if (cancelled->yes) co_return fail(ErrorCode::kUnavailable, where + ": given up");
  if (late) {
    co_return fail(ErrorCode::kDeadlineExceeded,
                   fmt::format("{}: no answer within {} ms (is the address right, and the way free?)", where, milliseconds.count()));
  }
  if (ec) {
    co_return fail(ErrorCode::kUnavailable, fmt::format("{}: {}{}", where, ec.message(),
                                                        ec == asio::error::connection_refused ? " (is the port right?)" : ""));
  }
  read_alpn(stream->native_handle(), peer);
  if (!config.alpn.empty() && peer.alpn != config.alpn) {
    co_return fail(ErrorCode::kUnauthenticated, fmt::format("{}: it does not speak {} (is this the right port?)", where, config.alpn));
  }
  SSL_CTX_set_cert_verify_callback(context->native_handle(), nullptr, nullptr);
  co_return TransportPtr(std::make_shared<TlsTransport>(std::move(context), std::move(stream), std::move(peer)));
}

}  // namespace postern::net::detail
