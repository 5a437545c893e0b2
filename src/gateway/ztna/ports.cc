#include "gateway/ztna/ports.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace postern::gateway {

Place place_at(const IpAddress& address, std::uint16_t port) {
  const int fd = socket(address.is_v6() ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return Place::kFree;
  const int yes = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  int bound;
  if (address.is_v6()) {
    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof yes);  // as nginx does
    sockaddr_in6 at{};
    at.sin6_family = AF_INET6;
    at.sin6_port = htons(port);
    inet_pton(AF_INET6, address.str().c_str(), &at.sin6_addr);
    bound = bind(fd, reinterpret_cast<const sockaddr*>(&at), sizeof at);
  } else {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_port = htons(port);
    inet_pton(AF_INET, address.str().c_str(), &at.sin_addr);
    bound = bind(fd, reinterpret_cast<const sockaddr*>(&at), sizeof at);
  }
  const int error = bound == 0 ? 0 : errno;
  close(fd);
  return error == EADDRINUSE ? Place::kTaken : error == EADDRNOTAVAIL ? Place::kNowhere : Place::kFree;
}

bool in_the_way(const NginxListener& a, const NginxListener& b) {
  if (a.port != b.port || a.address.is_v6() != b.address.is_v6() || a.address == b.address) return false;
  return a.address.is_unspecified() || b.address.is_unspecified();
}

}  // namespace postern::gateway
