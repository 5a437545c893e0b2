#include "agent/collectors/network/reader.h"

#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "agent/collectors/network/netlink.h"
#include "base/file.h"

namespace postern::agent {
namespace {

std::size_t head_size(std::uint16_t type) {
  switch (type) {
    case RTM_GETLINK:
      return sizeof(ifinfomsg);
    case RTM_GETADDR:
      return sizeof(ifaddrmsg);
    case RTM_GETROUTE:
      return sizeof(rtmsg);
    default:
      return sizeof(ndmsg);
  }
}

constexpr int kGroups[] = {RTNLGRP_LINK,        RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR,
                           RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE,  RTNLGRP_NEIGH};
constexpr int kDumpAttempts = 5;  // of a dump that changes happen under

tl::unexpected<Error> failed(const char* doing) { return fail(errno_error(errno, doing, "rtnetlink")); }

int open_route_socket(int flags) {
  const int fd = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | flags, NETLINK_ROUTE);
  if (fd < 0) return fd;
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  if (::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    const int error = errno;
    ::close(fd);
    errno = error;
    return -1;
  }
  return fd;
}

}  // namespace

Result<std::unique_ptr<NetworkReader>> NetworkReader::open() {
  const int events = open_route_socket(SOCK_NONBLOCK);
  if (events < 0) return failed("opening");
  const int requests = open_route_socket(0);
  if (requests < 0) {
    ::close(events);
    return failed("opening");
  }
  std::unique_ptr<NetworkReader> reader(new NetworkReader(events, requests));
  for (const int group : kGroups) {
    if (::setsockopt(events, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) != 0)
      return failed("listening on");
  }
  const int room = 1 << 20;
  ::setsockopt(events, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
  const timeval patience{5, 0};
  ::setsockopt(requests, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (auto ok = reader->read_everything(); !ok) return fail(ok.error());
  return reader;
}

NetworkReader::~NetworkReader() {
  ::close(events_);
  ::close(requests_);
}

Status NetworkReader::dump(std::uint16_t type, std::uint8_t family) {
  for (int attempt = 0; attempt < kDumpAttempts; ++attempt) {
    struct {
      nlmsghdr head;
      union {
        ifinfomsg link;
        ifaddrmsg address;
        rtmsg route;
        ndmsg neighbour;
      } body;
    } request{};
    request.head.nlmsg_len = static_cast<std::uint32_t>(NLMSG_LENGTH(head_size(type)));  // the kernel's log complains of more
    request.head.nlmsg_type = type;
    request.head.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    request.head.nlmsg_seq = ++sequence_;
    request.body.link.ifi_family = family;  // the first byte of each of them
    if (::send(requests_, &request, request.head.nlmsg_len, 0) < 0) return failed("asking");
    bool done = false, interrupted = false;
    int error = 0;
    while (!done) {
      const auto n = ::recv(requests_, buffer_.data(), buffer_.size(), MSG_TRUNC);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return failed("reading");
      if (static_cast<std::size_t>(n) > buffer_.size()) {
        buffer_.resize(static_cast<std::size_t>(n));
        interrupted = true;  // what did not fit is lost: again, with room
        continue;
      }
      const ByteView datagram(buffer_.data(), static_cast<std::size_t>(n));
      bool ours = false;
      each_netlink_message(datagram, [&](const nlmsghdr& head, ByteView payload) {
        if (head.nlmsg_seq != sequence_) return false;
        ours = true;
        interrupted = interrupted || (head.nlmsg_flags & NLM_F_DUMP_INTR) != 0;
        if (head.nlmsg_type == NLMSG_ERROR) {
          nlmsgerr message{};
          read_struct(payload, message);
          error = -message.error;
        }
        done = done || head.nlmsg_type == NLMSG_DONE || head.nlmsg_type == NLMSG_ERROR;
        return true;
      });
      if (ours) table_.apply(datagram);
    }
    if (error != 0) return fail(errno_error(error, "reading", "rtnetlink"));
    if (!interrupted) return {};
    if (type == RTM_GETROUTE) table_.clear_routes();
  }
  return fail(ErrorCode::kUnavailable, "reading rtnetlink: it changes faster than it can be read");
}

Status NetworkReader::read_routes() {
  table_.clear_routes();
  return dump(RTM_GETROUTE, AF_UNSPEC);
}

Status NetworkReader::read_everything() {
  table_.clear();
  if (auto ok = dump(RTM_GETLINK, AF_UNSPEC); !ok) return ok;
  if (auto ok = dump(RTM_GETADDR, AF_UNSPEC); !ok) return ok;
  if (auto ok = read_routes(); !ok) return ok;
  return dump(RTM_GETNEIGH, AF_UNSPEC);
}

Result<bool> NetworkReader::read() {
  auto change = NetworkTable::Change::kNone;
  for (;;) {
    sockaddr_nl from{};
    socklen_t size = sizeof from;
    const auto n =
        ::recvfrom(events_, buffer_.data(), buffer_.size(), MSG_TRUNC, reinterpret_cast<sockaddr*>(&from), &size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) break;
    if ((n < 0 && errno == ENOBUFS) || n > static_cast<ssize_t>(buffer_.size())) {
      if (auto ok = read_everything(); !ok) return fail(ok.error());
      change = NetworkTable::Change::kFacts;
      continue;
    }
    if (n < 0) return failed("reading");
    if (from.nl_pid != 0) continue;  // not the kernel
    change = std::max(change, table_.apply(ByteView(buffer_.data(), static_cast<std::size_t>(n))));
  }
  if (change == NetworkTable::Change::kRoutes) {
    if (auto ok = read_routes(); !ok) return fail(ok.error());
  }
  return change != NetworkTable::Change::kNone;
}

void NetworkReader::ask_for_gateways() const {
  for (const auto& [link, ip] : table_.unresolved_gateways()) {
    const int fd = ::socket(ip.is_v4() ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) continue;
    // Which interface matters (two may lead to the same address); a process without the right to bind asks on the one
    // that the routes choose.
    char name[IF_NAMESIZE] = {};
    if (::if_indextoname(static_cast<unsigned>(link), name) != nullptr) {
      ::setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, static_cast<socklen_t>(std::strlen(name)));
    }
    constexpr std::uint16_t kDiscard = 9;
    if (ip.is_v4()) {
      sockaddr_in to{};
      to.sin_family = AF_INET;
      to.sin_port = htons(kDiscard);
      std::memcpy(&to.sin_addr, ip.bytes().data(), 4);
      ::sendto(fd, nullptr, 0, 0, reinterpret_cast<sockaddr*>(&to), sizeof to);
    } else {
      sockaddr_in6 to{};
      to.sin6_family = AF_INET6;
      to.sin6_port = htons(kDiscard);
      to.sin6_scope_id = static_cast<std::uint32_t>(link);
      std::memcpy(&to.sin6_addr, ip.bytes().data(), 16);
      ::sendto(fd, nullptr, 0, 0, reinterpret_cast<sockaddr*>(&to), sizeof to);
    }
    ::close(fd);
  }
}

}  // namespace postern::agent
