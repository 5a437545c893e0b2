#include "nginx/interface.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>

namespace postern::nginx {
namespace {

/// What the kernel noted when the connection was made (ip(7), IP_PKTOPTIONS: for streams it gives the packet information
/// once it is switched on; likewise ipv6(7)). 0: nothing.
unsigned index_of(int socket, bool v6) {
  const int level = v6 ? int{IPPROTO_IPV6} : int{IPPROTO_IP};
  const int wish = v6 ? IPV6_RECVPKTINFO : IP_PKTINFO;
  const int question = v6 ? IPV6_2292PKTOPTIONS : IP_PKTOPTIONS;
  const int on = 1, off = 0;
  if (setsockopt(socket, level, wish, &on, sizeof on) != 0) return 0;
  alignas(cmsghdr) std::array<char, 512> room;
  socklen_t size = room.size();
  const bool told = getsockopt(socket, level, question, room.data(), &size) == 0;
  setsockopt(socket, level, wish, &off, sizeof off);
  if (!told) return 0;
  msghdr message{};
  message.msg_control = room.data();
  message.msg_controllen = size;
  for (auto* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
    if (!v6 && c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO && c->cmsg_len >= CMSG_LEN(sizeof(in_pktinfo))) {
      in_pktinfo info;
      std::memcpy(&info, CMSG_DATA(c), sizeof info);
      return static_cast<unsigned>(info.ipi_ifindex);
    }
    if (v6 && c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO &&
        c->cmsg_len >= CMSG_LEN(sizeof(in6_pktinfo))) {
      in6_pktinfo info;
      std::memcpy(&info, CMSG_DATA(c), sizeof info);
      return info.ipi6_ifindex;
    }
  }
  return 0;
}

}  // namespace

InterfaceName InterfaceName::of(int socket, bool v6) {
  InterfaceName out;
  const unsigned index = index_of(socket, v6);
  if (index == 0 || if_indextoname(index, out.name_.data()) == nullptr) out.name_.fill(0);
  return out;
}

}  // namespace postern::nginx
