#pragma once
// For tests: a server that says bytes as they are, whether they are HTTP or not.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <string>
#include <thread>

namespace postern::net {

/// Answers the next connection with these bytes and hangs up.
class OneAnswer {
 public:
  explicit OneAnswer(std::string bytes, bool hang = false) {
    fd_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(fd_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(fd_, 1), 0);
    EXPECT_EQ(::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this, bytes = std::move(bytes), hang] {
      const int peer = ::accept(fd_, nullptr, nullptr);
      char buffer[4096];
      std::string request;
      while (request.find("\r\n\r\n") == request.npos) {
        const auto n = ::read(peer, buffer, sizeof buffer);
        if (n <= 0) break;
        request.append(buffer, static_cast<std::size_t>(n));
      }
      request_ = request;
      for (std::size_t sent = 0; sent < bytes.size();) {
        const auto n = ::send(peer, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
        if (n <= 0) break;
        sent += static_cast<std::size_t>(n);
      }
      if (hang) while (::read(peer, buffer, sizeof buffer) > 0) {}  // until the other side gives up
      ::close(peer);
    });
  }
  ~OneAnswer() {
    if (thread_.joinable()) thread_.join();
    ::close(fd_);
  }
  std::uint16_t port() const { return port_; }
  std::string request() {
    if (thread_.joinable()) thread_.join();
    return request_;
  }

 private:
  int fd_ = -1;
  std::uint16_t port_ = 0;
  std::string request_;
  std::thread thread_;
};

}  // namespace postern::net
