#pragma once
// A blocking HTTP/1.1 client over mutual TLS for benchmarks: one connection, every read with its time.
#include <openssl/ssl.h>

#include <memory>
#include <string>

#include "timing.h"

namespace postern::bench {

struct Target {
  std::string address;  ///< IPv4.
  std::uint16_t port = 0;
};

/// Shows the certificate to any server without checking the server's: on the benchmark's own network only.
std::shared_ptr<SSL_CTX> client_context(const std::string& certificate, const std::string& key);

class TlsClient {
 public:
  enum class End { kOpen, kClosed, kReset };

  /// Connected and shaken hands, or `end()` says how not.
  TlsClient(SSL_CTX* context, const Target& target, int timeout_ms);
  ~TlsClient();
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;

  bool get(const std::string& path);
  /// Reads an answer's head; what came behind it stays in `pending()`. 0: there was none.
  int read_head();
  /// Reads the body of an answer with Content-Length. False: the connection ended.
  bool read_body();
  /// What a read brought: 0 at the end of the connection, or when `until` came first (then end() is kOpen).
  std::size_t read(Nanos until);

  Nanos last_byte() const { return last_byte_; }
  Nanos ended_at() const { return ended_at_; }
  End end() const { return end_; }
  std::size_t pending() const { return in_.size(); }

 private:
  void finish(int result);

  Target target_;
  int fd_ = -1;
  SSL* ssl_ = nullptr;
  std::string in_;
  std::size_t body_ = 0;
  Nanos last_byte_ = 0;
  Nanos ended_at_ = 0;
  End end_ = End::kOpen;
};

}  // namespace postern::bench
