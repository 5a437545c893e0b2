#include "tls_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <charconv>

namespace postern::bench {

std::shared_ptr<SSL_CTX> client_context(const std::string& certificate, const std::string& key) {
  std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_clear_mode(context.get(), SSL_MODE_AUTO_RETRY);
  if (SSL_CTX_use_certificate_chain_file(context.get(), certificate.c_str()) != 1 ||
      SSL_CTX_use_PrivateKey_file(context.get(), key.c_str(), SSL_FILETYPE_PEM) != 1) {
    ERR_print_errors_fp(stderr);
    std::exit(1);
  }
  return context;
}

TlsClient::TlsClient(SSL_CTX* context, const Target& target, int timeout_ms) : target_(target) {
  fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const timeval timeout{timeout_ms / 1000, timeout_ms % 1000 * 1000};
  ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
  ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(target.port);
  ::inet_pton(AF_INET, target.address.c_str(), &address.sin_addr);
  if (::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    end_ = End::kClosed;
    return;
  }
  ssl_ = SSL_new(context);
  SSL_set_fd(ssl_, fd_);
  if (const int done = SSL_connect(ssl_); done != 1) finish(done);
}

TlsClient::~TlsClient() {
  SSL_free(ssl_);
  ::close(fd_);
}

bool TlsClient::get(const std::string& path) {
  if (end_ != End::kOpen) return false;
  const auto request = "GET " + path + " HTTP/1.1\r\nHost: " + target_.address + ":" + std::to_string(target_.port) +
                       "\r\n\r\n";
  const int sent = SSL_write(ssl_, request.data(), static_cast<int>(request.size()));
  if (sent <= 0) finish(sent);
  return sent > 0;
}

std::size_t TlsClient::read(Nanos until) {
  char buffer[16 * 1024];
  while (end_ == End::kOpen) {
    if (SSL_pending(ssl_) == 0) {
      const Nanos left = until - now();
      if (left <= 0) return 0;
      const timespec wait = to_timespec(left);
      pollfd one{fd_, POLLIN, 0};
      if (::ppoll(&one, 1, &wait, nullptr) <= 0) return 0;
    }
    const int n = SSL_read(ssl_, buffer, sizeof buffer);
    if (n > 0) {
      last_byte_ = now();
      in_.append(buffer, static_cast<std::size_t>(n));
      return static_cast<std::size_t>(n);
    }
    // A record that brought no data, such as a session ticket.
    if (SSL_get_error(ssl_, n) != SSL_ERROR_WANT_READ) finish(n);
  }
  return 0;
}

int TlsClient::read_head() {
  constexpr Nanos kPatience = 10'000'000'000;
  const Nanos until = now() + kPatience;
  std::size_t end = 0;
  while ((end = in_.find("\r\n\r\n")) == std::string::npos) {
    if (read(until) == 0) return 0;
  }
  const auto head = in_.substr(0, end + 4);
  in_.erase(0, end + 4);
  body_ = 0;
  for (const char* name : {"\r\nContent-Length: ", "\r\ncontent-length: "}) {
    if (const auto at = head.find(name); at != std::string::npos) {
      const char* digits = head.data() + at + std::strlen(name);
      std::from_chars(digits, head.data() + head.size(), body_);
    }
  }
  int status = 0;
  if (head.starts_with("HTTP/1.1 ")) std::from_chars(head.data() + 9, head.data() + 12, status);
  return status;
}

bool TlsClient::read_body() {
  const Nanos until = now() + 10'000'000'000;
  while (in_.size() < body_) {
    if (read(until) == 0) return false;
  }
  in_.erase(0, body_);
  return true;
}

void TlsClient::finish(int result) {
  const int error = errno;
  ended_at_ = now();
  const int what = SSL_get_error(ssl_, result);
  if (what == SSL_ERROR_SYSCALL && (error == ECONNRESET || error == EPIPE)) {
    end_ = End::kReset;
  } else {
    end_ = End::kClosed;
  }
  ERR_clear_error();
}

}  // namespace postern::bench
