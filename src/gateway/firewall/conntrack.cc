#include "gateway/firewall/conntrack.h"

#include <arpa/inet.h>
#include <cstring>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "base/hex.h"
#include "gateway/firewall/netfilter_socket.h"
#include "gateway/neighbours/netlink.h"

namespace postern::gateway::firewall {
namespace {

constexpr std::uint32_t kFilterSource = 1u << 0;  // CTA_FILTER's flags have no names in the exported headers
/// Above this it is cheaper to look at every connection once.
constexpr std::size_t kFilterAtMost = 4;

struct Entry {
  std::uint8_t family = AF_INET;
  Bytes original;        // content of CTA_TUPLE_ORIG
  std::uint32_t id = 0;  // network order, as it came
  bool has_id = false;
  std::uint16_t zone = 0;
  Flow flow;
};

IpAddress address(const nlattr* a) {
  if (mnl_attr_get_payload_len(a) == 4) {
    std::array<std::uint8_t, 4> raw;
    std::memcpy(raw.data(), mnl_attr_get_payload(a), 4);
    return IpAddress::v4(raw);
  }
  if (mnl_attr_get_payload_len(a) == 16) {
    std::array<std::uint8_t, 16> raw;
    std::memcpy(raw.data(), mnl_attr_get_payload(a), 16);
    return IpAddress::v6(raw);
  }
  return {};
}

Flow parse_tuple(const nlattr* tuple) {
  Flow out;
  each_nested(tuple, [&](const nlattr* part) {
    if (mnl_attr_get_type(part) == CTA_TUPLE_IP) {
      each_nested(part, [&](const nlattr* ip) {
        const auto type = mnl_attr_get_type(ip);
        if (type == CTA_IP_V4_SRC || type == CTA_IP_V6_SRC) out.source = address(ip);
        if (type == CTA_IP_V4_DST || type == CTA_IP_V6_DST) out.destination = address(ip);
      });
    } else if (mnl_attr_get_type(part) == CTA_TUPLE_PROTO) {
      each_nested(part, [&](const nlattr* p) {
        const std::size_t size = mnl_attr_get_payload_len(p);
        if (mnl_attr_get_type(p) == CTA_PROTO_NUM && size >= 1) out.protocol = mnl_attr_get_u8(p);
        if (mnl_attr_get_type(p) == CTA_PROTO_SRC_PORT && size >= 2) out.source_port = ntohs(mnl_attr_get_u16(p));
        if (mnl_attr_get_type(p) == CTA_PROTO_DST_PORT && size >= 2) out.port = ntohs(mnl_attr_get_u16(p));
      });
    }
  });
  return out;
}

/// Of the content of CTA_PROTOINFO.
bool is_over(const nlattr* info) {
  bool over = false;
  each_nested(info, [&](const nlattr* protocol) {
    if (mnl_attr_get_type(protocol) != CTA_PROTOINFO_TCP) return;
    each_nested(protocol, [&](const nlattr* part) {
      if (mnl_attr_get_type(part) != CTA_PROTOINFO_TCP_STATE || mnl_attr_get_payload_len(part) < 1) return;
      const auto state = mnl_attr_get_u8(part);
      over = state == TCP_CONNTRACK_LAST_ACK || state == TCP_CONNTRACK_TIME_WAIT || state == TCP_CONNTRACK_CLOSE;
    });
  });
  return over;
}

std::optional<Entry> parse_entry(const nlmsghdr* message) {
  if (mnl_nlmsg_get_payload_len(message) < sizeof(nfgenmsg)) return std::nullopt;
  Entry entry;
  bool answered = false;
  IpAddress to;
  std::uint16_t port = 0;
  entry.family = static_cast<const nfgenmsg*>(mnl_nlmsg_get_payload(message))->nfgen_family;
  each_attribute(message, sizeof(nfgenmsg), [&](const nlattr* a) {
    const auto* bytes = static_cast<const std::uint8_t*>(mnl_attr_get_payload(a));
    const std::size_t length = mnl_attr_get_payload_len(a);
    switch (mnl_attr_get_type(a)) {
      case CTA_TUPLE_ORIG: {
        entry.original.assign(bytes, bytes + length);
        const auto opened = parse_tuple(a);
        entry.flow.source = opened.source;
        entry.flow.source_port = opened.source_port;
        entry.flow.protocol = opened.protocol;
        if (!answered) to = opened.destination, port = opened.port;
        break;
      }
      // Who answers is whom the forward chain sees, also where the host translates what clients asked for.
      case CTA_TUPLE_REPLY: {
        const auto answer = parse_tuple(a);
        answered = answer.source.valid();
        if (answered) to = answer.source, port = answer.source_port;
        break;
      }
      case CTA_PROTOINFO:
        entry.flow.over = is_over(a);
        break;
      case CTA_ID:
        if (length == 4) {
          std::memcpy(&entry.id, bytes, 4);
          entry.has_id = true;
        }
        break;
      case CTA_ZONE:
        if (length == 2) std::memcpy(&entry.zone, bytes, 2);
        break;
    }
  });
  if (entry.original.empty()) return std::nullopt;
  entry.flow.destination = to;
  entry.flow.port = port;
  return entry;
}

class NetlinkConntrack final : public Conntrack {
 public:
  explicit NetlinkConntrack(NetfilterSocket socket) : socket_(std::move(socket)) {}

  Result<std::vector<Flow>> forget(const std::vector<IpAddress>& addresses,
                                   const std::function<bool(const Flow&)>& keep) override {
    std::vector<Entry> found;
    const std::set<IpAddress> wanted(addresses.begin(), addresses.end());
    bool filtered = wanted.size() <= kFilterAtMost;
    for (auto it = wanted.begin(); filtered && it != wanted.end(); ++it) {
      filtered = dump(it->is_v4() ? AF_INET : AF_INET6, &*it, found).has_value();  // not before Linux 5.8
    }
    if (!filtered) {
      found.clear();
      for (const auto family : {AF_INET, AF_INET6}) {
        if (auto s = dump(family, nullptr, found); !s) return fail(s.error());
      }
    }
    std::vector<Flow> forgotten;
    for (const auto& e : found) {
      // Only what was asked for, whatever a filter let through.
      if (!wanted.contains(e.flow.source) || keep(e.flow)) continue;
      auto s = remove(e);
      if (!s) return fail(s.error());
      if (*s > 0) forgotten.push_back(e.flow);
    }
    return forgotten;
  }

 private:
  Status dump(int family, const IpAddress* source, std::vector<Entry>& out) {
    alignas(nlmsghdr) char buffer[512];
    nlmsghdr* message = socket_.begin(buffer, IPCTNL_MSG_CT_GET, NLM_F_DUMP, static_cast<std::uint8_t>(family));
    if (source) {
      nlattr* tuple = mnl_attr_nest_start(message, CTA_TUPLE_ORIG);
      nlattr* part = mnl_attr_nest_start(message, CTA_TUPLE_IP);
      mnl_attr_put(message, family == AF_INET ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, family == AF_INET ? 4 : 16,
                   source->bytes().data());
      mnl_attr_nest_end(message, part);
      mnl_attr_nest_end(message, tuple);
      nlattr* filter = mnl_attr_nest_start(message, CTA_FILTER);
      mnl_attr_put_u32(message, CTA_FILTER_ORIG_FLAGS, kFilterSource);
      mnl_attr_put_u32(message, CTA_FILTER_REPLY_FLAGS, 0);
      mnl_attr_nest_end(message, filter);
    }
    return socket_.exchange(message, [&](const nlmsghdr* answer) {
      if (auto entry = parse_entry(answer)) out.push_back(std::move(*entry));
    });
  }

  /// How many were there to remove: one, or none because it ended by itself meanwhile.
  Result<std::size_t> remove(const Entry& e) {
    alignas(nlmsghdr) char buffer[1024];
    if (e.original.size() > 512) return fail(ErrorCode::kInternal, "a connection's description is too large");
    nlmsghdr* message = socket_.begin(buffer, IPCTNL_MSG_CT_DELETE, NLM_F_ACK, e.family);
    mnl_attr_put(message, CTA_TUPLE_ORIG | NLA_F_NESTED, e.original.size(), e.original.data());
    if (e.has_id) mnl_attr_put(message, CTA_ID, 4, &e.id);
    if (e.zone) mnl_attr_put(message, CTA_ZONE, 2, &e.zone);
    const auto status = socket_.exchange(message, [](const nlmsghdr*) {});
    if (status) return 1;
    if (status.error().code == ErrorCode::kNotFound) return 0;
    return fail(status.error());
  }

  NetfilterSocket socket_;
};

}  // namespace

Result<std::unique_ptr<Conntrack>> Conntrack::open() {
  auto socket = NetfilterSocket::open(NFNL_SUBSYS_CTNETLINK, "connection tracking");
  if (!socket) return fail(socket.error());
  return std::unique_ptr<Conntrack>(new NetlinkConntrack(std::move(*socket)));
}

}  // namespace postern::gateway::firewall
