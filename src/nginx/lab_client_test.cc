#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sstream>
#include <stdexcept>

#include "nginx/lab_test.h"

namespace postern::nginx::lab {

std::string Response::header(std::string_view name) const {
  std::istringstream lines(head);
  std::string line;
  while (std::getline(lines, line)) {
    if (line.size() > name.size() && line[name.size()] == ':' &&
        strncasecmp(line.data(), name.data(), name.size()) == 0) {
      auto value = line.substr(name.size() + 1);
      while (!value.empty() && (value.back() == '\r' || value.back() == ' ')) value.pop_back();
      return value.substr(value.find_first_not_of(' ') == std::string::npos
                              ? value.size()
                              : value.find_first_not_of(' '));
    }
  }
  return "";
}

Client::Client(int port, const Identity* identity, const std::string& sni, const std::string& alpn,
               SSL_SESSION* resume) {
  context_ = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_verify(context_, SSL_VERIFY_NONE, nullptr);
  if (identity != nullptr) {
    BIO* bio = BIO_new_mem_buf(identity->certificate.data(),
                               static_cast<int>(identity->certificate.size()));
    X509* x = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
    BIO_free(bio);
    bio = BIO_new_mem_buf(identity->key.data(), static_cast<int>(identity->key.size()));
    EVP_PKEY* key = PEM_read_bio_PrivateKey(bio, nullptr, nullptr, nullptr);
    BIO_free(bio);
    SSL_CTX_use_certificate(context_, x);
    SSL_CTX_use_PrivateKey(context_, key);
    X509_free(x);
    EVP_PKEY_free(key);
  }
  ssl_ = SSL_new(context_);
  if (!sni.empty()) SSL_set_tlsext_host_name(ssl_, sni.c_str());
  if (!alpn.empty()) {
    const auto wire = std::string(1, static_cast<char>(alpn.size())) + alpn;
    SSL_set_alpn_protos(ssl_, reinterpret_cast<const unsigned char*>(wire.data()),
                        static_cast<unsigned>(wire.size()));
  }
  if (resume != nullptr) SSL_set_session(ssl_, resume);
  fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  if (connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    throw std::runtime_error("connect: " + std::string(std::strerror(errno)));
  }
  SSL_set_fd(ssl_, fd_);
  if (SSL_connect(ssl_) != 1) {
    throw std::runtime_error("handshake: " +
                             std::string(ERR_error_string(ERR_get_error(), nullptr)));
  }
}

Client::~Client() {
  // OpenSSL forgets the session of a connection that was not shut down.
  SSL_set_shutdown(ssl_, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  SSL_free(ssl_);
  SSL_CTX_free(context_);
  if (fd_ >= 0) close(fd_);
}

void Client::send(std::string_view bytes) {
  if (SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size())) <= 0) end_ = End::kReset;
}

std::string Client::read(std::chrono::milliseconds patience) {
  if (!buffer_.empty()) return std::exchange(buffer_, {});
  if (end_ != End::kOpen) return {};
  if (SSL_pending(ssl_) == 0) {
    pollfd p{fd_, POLLIN, 0};
    if (poll(&p, 1, static_cast<int>(patience.count())) == 0) {
      end_ = End::kTimeout;
      return {};
    }
  }
  char chunk[16384];
  errno = 0;
  const int n = SSL_read(ssl_, chunk, sizeof chunk);
  if (n > 0) {
    received_ += static_cast<std::size_t>(n);
    last_byte_ = Clock::now();
    return {chunk, static_cast<std::size_t>(n)};
  }
  const int error = SSL_get_error(ssl_, n);
  if (error == SSL_ERROR_WANT_READ) return read(patience);
  end_ = error == SSL_ERROR_ZERO_RETURN || (errno == 0 && error == SSL_ERROR_SSL) ? End::kClosed
                                                                                  : End::kReset;
  ERR_clear_error();
  return {};
}

End Client::drain(std::chrono::milliseconds patience) {
  const auto deadline = Clock::now() + patience;
  while (end_ == End::kOpen) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
    if (left.count() <= 0) {
      end_ = End::kTimeout;
      break;
    }
    read(left);
  }
  return end_;
}

Response Client::read_response() {
  Response out;
  std::string in;
  std::size_t end;
  while ((end = in.find("\r\n\r\n")) == std::string::npos) {
    const auto more = read();
    if (more.empty()) return out;
    in += more;
  }
  out.head = in.substr(0, end + 4);
  out.body = in.substr(end + 4);
  out.status = std::atoi(out.head.c_str() + out.head.find(' ') + 1);
  const auto length = out.header("Content-Length");
  if (length.empty()) return out;
  const auto wanted = std::stoull(length);
  while (out.body.size() < std::min<unsigned long long>(wanted, 1 << 20)) {
    const auto more = read();
    if (more.empty()) return out;
    out.body += more;
  }
  if (out.body.size() > wanted) {
    buffer_ = out.body.substr(wanted);
    out.body.resize(wanted);
  }
  return out;
}

Response Client::request(const std::string& method, const std::string& target,
                         const std::string& host, const std::string& headers) {
  send(method + " " + target + " HTTP/1.1\r\nHost: " + host + "\r\n" + headers + "\r\n");
  return read_response();
}

}  // namespace postern::nginx::lab
