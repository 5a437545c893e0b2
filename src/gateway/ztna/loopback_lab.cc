#include "gateway/ztna/loopback_lab.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace postern::gateway {

LoopbackListener::LoopbackListener(std::uint16_t port) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  EXPECT_EQ(bind(fd_, reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(listen(fd_, 64), 0);
  EXPECT_EQ(getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size), 0);
  port_ = ntohs(address.sin_port);
}
LoopbackListener::~LoopbackListener() { close(fd_); }

int LoopbackListener::accept() const { return accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC); }
void LoopbackListener::stop() const { shutdown(fd_, SHUT_RDWR); }

std::uint16_t free_port() { return LoopbackListener().port(); }

}  // namespace postern::gateway
