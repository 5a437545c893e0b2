#include "agent/collectors/protection/nft_socket.h"

#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "agent/collectors/network/netlink.h"
#include "base/file.h"

namespace postern::agent {
namespace {

void append(Bytes& out, const void* data, std::size_t size) {
  const auto* raw = static_cast<const std::uint8_t*>(data);
  out.insert(out.end(), raw, raw + size);
  while (out.size() % NLMSG_ALIGNTO != 0) out.push_back(0);
}

Bytes dump_request(int what, std::uint8_t family, const NftSocket::Names& names) {
  nlmsghdr head{};
  head.nlmsg_type = static_cast<std::uint16_t>(NFNL_SUBSYS_NFTABLES << 8 | what);
  head.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  head.nlmsg_seq = 1;
  nfgenmsg general{};
  general.nfgen_family = family;
  Bytes out;
  append(out, &head, sizeof head);
  append(out, &general, sizeof general);
  for (const auto& [attribute, name] : names) {
    const nlattr start{static_cast<std::uint16_t>(sizeof start + name.size() + 1), attribute};
    append(out, &start, sizeof start);
    append(out, name.c_str(), name.size() + 1);
  }
  const auto size = static_cast<std::uint32_t>(out.size());
  std::memcpy(out.data(), &size, sizeof size);
  return out;
}

struct End {
  bool done = false;
  int error = 0;
};

/// Does an answer end in this datagram, and how?
End dump_end(ByteView datagram) {
  End out;
  each_netlink_message(datagram, [&](const nlmsghdr& head, ByteView payload) {
    if (head.nlmsg_type == NLMSG_ERROR) {
      nlmsgerr reply{};
      read_struct(payload, reply);
      out.error = -reply.error;
    }
    if ((head.nlmsg_flags & NLM_F_DUMP_INTR) != 0) out.error = EAGAIN;
    out.done = out.done || head.nlmsg_type == NLMSG_DONE || head.nlmsg_type == NLMSG_ERROR;
    return true;
  });
  return out;
}

}  // namespace

Error nft_error(int error) {
  if (error == EOPNOTSUPP || error == EINVAL || error == ENOENT || error == EPROTONOSUPPORT || error == EAFNOSUPPORT) {
    return {ErrorCode::kUnsupported, "this kernel has no nftables"};
  }
  return errno_error(error, "reading", "nftables");
}

int open_netfilter_socket(int flags) {
  return ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | flags, NETLINK_NETFILTER);
}

NftSocket::NftSocket(int fd)
    : fd_(new int(fd), [](const int* held) {
        ::close(*held);
        delete held;
      }) {}

Result<NftSocket> NftSocket::open() {
  const int fd = open_netfilter_socket(0);
  if (fd < 0) return fail(nft_error(errno));
  const timeval patience{2, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  return NftSocket(fd);
}

Status NftSocket::dump(int what, std::uint8_t family, const Names& names,
                       const std::function<void(ByteView)>& take) const {
  const auto request = dump_request(what, family, names);
  if (::send(*fd_, request.data(), request.size(), 0) < 0) return fail(nft_error(errno));
  std::vector<std::uint8_t> buffer(64u << 10);
  for (;;) {
    const auto n = ::recv(*fd_, buffer.data(), buffer.size(), 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return fail(errno_error(n == 0 ? EIO : errno, "reading", "nftables"));
    const ByteView datagram(buffer.data(), static_cast<std::size_t>(n));
    take(datagram);
    const auto end = dump_end(datagram);
    if (end.error != 0) return fail(nft_error(end.error));
    if (end.done) return {};
  }
}

}  // namespace postern::agent
