#include "nginx/interface.h"

#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <optional>

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

/// Is the peer's address one of this machine's own? Asked of the routing table; nullopt: it doesn't say. For connections
/// within the machine the kernel notes the interface that has the address, as if somebody had come by it.
std::optional<bool> from_itself(int socket, bool v6) {
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  if (getpeername(socket, reinterpret_cast<sockaddr*>(&peer), &size) != 0) return std::nullopt;
  struct {
    nlmsghdr head;
    rtmsg route;
    rtattr attribute;
    std::uint8_t address[16];
  } question{};
  const std::size_t length = v6 ? 16 : 4;
  question.head.nlmsg_len = static_cast<std::uint32_t>(NLMSG_LENGTH(sizeof(rtmsg)) + RTA_LENGTH(length));
  question.head.nlmsg_type = RTM_GETROUTE;
  question.head.nlmsg_flags = NLM_F_REQUEST;
  question.route.rtm_family = v6 ? AF_INET6 : AF_INET;
  question.route.rtm_dst_len = static_cast<unsigned char>(length * 8);
  question.attribute.rta_type = RTA_DST;
  question.attribute.rta_len = static_cast<unsigned short>(RTA_LENGTH(length));
  if (v6) std::memcpy(question.address, &reinterpret_cast<sockaddr_in6&>(peer).sin6_addr, length);
  else std::memcpy(question.address, &reinterpret_cast<sockaddr_in&>(peer).sin_addr, length);

  const int kernel = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (kernel < 0) return std::nullopt;
  alignas(nlmsghdr) std::array<char, 4096> room;
  ssize_t got = -1;
  // The kernel answers before the question returns: nothing is waited for.
  if (send(kernel, &question, question.head.nlmsg_len, 0) == static_cast<ssize_t>(question.head.nlmsg_len)) {
    got = recv(kernel, room.data(), room.size(), MSG_DONTWAIT);
  }
  close(kernel);
  if (got < static_cast<ssize_t>(NLMSG_LENGTH(sizeof(rtmsg)))) return std::nullopt;
  nlmsghdr head;
  std::memcpy(&head, room.data(), sizeof head);
  if (head.nlmsg_type == NLMSG_ERROR) return false;  // no route to it: nobody of this machine
  if (head.nlmsg_type != RTM_NEWROUTE) return std::nullopt;
  rtmsg route;
  std::memcpy(&route, room.data() + NLMSG_HDRLEN, sizeof route);
  return route.rtm_type == RTN_LOCAL;
}

}  // namespace

InterfaceName InterfaceName::of(int socket, bool v6) {
  InterfaceName out;
  const auto own = from_itself(socket, v6);
  if (!own) return out;
  if (*own) {
    std::memcpy(out.name_.data(), "lo", 3);
    return out;
  }
  const unsigned index = index_of(socket, v6);
  if (index == 0 || if_indextoname(index, out.name_.data()) == nullptr) out.name_.fill(0);
  return out;
}

}  // namespace postern::nginx
