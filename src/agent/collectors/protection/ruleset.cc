#include "agent/collectors/protection/ruleset.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "agent/collectors/network/netlink.h"
#include "agent/collectors/protection/nft_socket.h"

namespace postern::agent {
namespace {

constexpr std::uint16_t message(int type) { return static_cast<std::uint16_t>(NFNL_SUBSYS_NFTABLES << 8 | type); }

std::uint32_t number(ByteView value) {
  std::uint32_t raw = 0;
  read_struct(value, raw);
  return ntohl(raw);
}

}  // namespace

void Ruleset::apply(ByteView datagram) {
  dormant_.apply(datagram);
  each_netlink_message(datagram, [this](const nlmsghdr& head, ByteView payload) {
    nfgenmsg general;
    if (head.nlmsg_type != message(NFT_MSG_NEWCHAIN) || !read_struct(payload, general)) return true;
    const bool family = general.nfgen_family == NFPROTO_INET || general.nfgen_family == NFPROTO_IPV4 ||
                        general.nfgen_family == NFPROTO_IPV6;
    bool input = false;
    std::uint32_t policy = NF_ACCEPT, uses = 0;
    std::string table;
    each_attribute(payload.subspan(sizeof general), [&](int attribute, ByteView value) {
      if (attribute == NFTA_CHAIN_TABLE) table = netlink_text(value);
      if (attribute == NFTA_CHAIN_POLICY) policy = number(value);
      if (attribute == NFTA_CHAIN_USE) uses = number(value);  // of a base chain: its rules
      if (attribute != NFTA_CHAIN_HOOK) return;
      each_attribute(value, [&](int nested, ByteView hook) {
        if (nested == NFTA_HOOK_HOOKNUM) input = number(hook) == NF_INET_LOCAL_IN;
      });
    });
    if (!family || !input || (policy != NF_DROP && uses == 0)) return true;
    if (dormant_.contains(general.nfgen_family, table)) return true;
    filters_input_ = true;
    return true;
  });
}

Result<Ruleset> read_ruleset() {
  const auto socket = NftSocket::open();
  if (!socket) return fail(socket.error());
  Ruleset out;
  for (const int what : {NFT_MSG_GETTABLE, NFT_MSG_GETCHAIN}) {
    const auto read = socket->dump(what, NFPROTO_UNSPEC, {}, [&](ByteView datagram) { out.apply(datagram); });
    if (!read) return fail(read.error());
  }
  return out;
}

Result<int> open_ruleset_events() {
  const int fd = open_netfilter_socket(SOCK_NONBLOCK);
  if (fd < 0) return fail(nft_error(errno));
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  const int group = NFNLGRP_NFTABLES;
  if (::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      ::setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) != 0) {
    const int error = errno;
    ::close(fd);
    return fail(nft_error(error));
  }
  return fd;
}

bool drain_ruleset_events(int fd) {
  bool changed = false;
  std::vector<std::uint8_t> buffer(64u << 10);
  for (;;) {
    const auto n = ::recv(fd, buffer.data(), buffer.size(), 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == ENOBUFS) {
      changed = true;  // lost some: look
      continue;
    }
    if (n <= 0) return changed;
    each_netlink_message(ByteView(buffer.data(), static_cast<std::size_t>(n)), [&](const nlmsghdr& head, ByteView) {
      for (const int type :
           {NFT_MSG_NEWTABLE, NFT_MSG_DELTABLE, NFT_MSG_NEWCHAIN, NFT_MSG_DELCHAIN, NFT_MSG_NEWRULE, NFT_MSG_DELRULE}) {
        changed = changed || head.nlmsg_type == message(type);
      }
      return true;
    });
  }
}

}  // namespace postern::agent
