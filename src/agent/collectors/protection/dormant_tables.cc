#include "agent/collectors/protection/dormant_tables.h"

#include <arpa/inet.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "agent/collectors/network/netlink.h"

namespace postern::agent {

void DormantTables::apply(ByteView datagram) {
  each_netlink_message(datagram, [this](const nlmsghdr& head, ByteView payload) {
    nfgenmsg general;
    if (head.nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWTABLE) || !read_struct(payload, general)) return true;
    std::string name;
    std::uint32_t flags = 0;
    each_attribute(payload.subspan(sizeof general), [&](int attribute, ByteView value) {
      if (attribute == NFTA_TABLE_NAME) name = netlink_text(value);
      if (attribute == NFTA_TABLE_FLAGS) read_struct(value, flags);
    });
    if ((ntohl(flags) & NFT_TABLE_F_DORMANT) != 0) tables_.emplace(general.nfgen_family, std::move(name));
    return true;
  });
}

}  // namespace postern::agent
