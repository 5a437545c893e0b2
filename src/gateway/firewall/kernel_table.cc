#include "gateway/firewall/kernel_table.h"

#include <arpa/inet.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <functional>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/ip.h"
#include "gateway/firewall/netfilter_socket.h"
#include "gateway/neighbours/netlink.h"

namespace postern::gateway::firewall {
namespace {

// <linux/netfilter.h> has them, and does not go together with the C library's headers.
constexpr std::uint8_t kAnyFamily = 0, kInet = 1;
/// Somebody changes nftables all the time: then it can't be read.
constexpr int kTries = 5;

std::string_view payload(const nlattr* a) {
  return {static_cast<const char*>(mnl_attr_get_payload(a)), mnl_attr_get_payload_len(a)};
}

/// Of a text attribute, without the zeros at its end.
std::string_view text(const nlattr* a) {
  const auto all = payload(a);
  return all.substr(0, all.find('\0'));
}

class NetlinkTable final : public KernelTable {
 public:
  explicit NetlinkTable(NetfilterSocket socket) : socket_(std::move(socket)) {}

  Result<std::uint32_t> generation() override {
    std::uint32_t generation = 0;
    alignas(nlmsghdr) char buffer[256];
    auto* message = socket_.begin(buffer, NFT_MSG_GETGEN, NLM_F_ACK, kAnyFamily);
    const auto status = socket_.exchange(message, [&](const nlmsghdr* answer) {
      each_attribute(answer, sizeof(nfgenmsg), [&](const nlattr* a) {
        if (mnl_attr_get_type(a) == NFTA_GEN_ID && payload(a).size() == 4) generation = ntohl(mnl_attr_get_u32(a));
      });
    });
    if (!status) return fail(status.error());
    return generation;
  }

  Result<std::uint64_t> structure(const std::string& table) override {
    Error last;
    for (int i = 0; i < kTries; ++i) {
      auto digest = structure_once(table);
      if (digest) return digest;
      last = digest.error();
    }
    return fail(last);
  }

  Result<Fingerprint> elements(const std::string& table, const std::string& set, ElementKind kind) override {
    Error last;
    for (int i = 0; i < kTries; ++i) {
      Fingerprint found;
      const auto status = each_element(table, set, [&](std::string_view key, std::uint32_t) {
        found.add(element_text(kind, key));
      });
      if (status) return found;
      last = status.error();
      if (last.code == ErrorCode::kNotFound) break;
    }
    return fail(last);
  }

 private:
  Status dump(std::uint16_t type, std::uint16_t table_attribute, const std::string& table,
              const std::function<void(const nlmsghdr*)>& on) {
    alignas(nlmsghdr) char buffer[512];
    auto* message = socket_.begin(buffer, type, NLM_F_DUMP, kInet);
    if (table_attribute) mnl_attr_put_strz(message, table_attribute, table.c_str());
    return socket_.exchange(message, on);
  }

  Result<std::uint64_t> structure_once(const std::string& table) {
    std::uint64_t digest = Fingerprint::digest(table);
    bool there = false;
    std::vector<std::string> lists;
    /// Takes what is ours of a message: its name's attribute says of which table it is.
    const auto take = [&](const nlmsghdr* m, std::uint16_t of, const std::set<std::uint16_t>& left_out) {
      bool ours = false;
      each_attribute(m, sizeof(nfgenmsg), [&](const nlattr* a) {
        if (mnl_attr_get_type(a) == of) ours = text(a) == table;
      });
      if (!ours) return false;
      each_attribute(m, sizeof(nfgenmsg), [&](const nlattr* a) {
        const auto type = mnl_attr_get_type(a);
        if (!left_out.contains(type)) digest = Fingerprint::digest(payload(a), digest + type);
      });
      return true;
    };
    // How much uses a table or a chain, and how much is in a set, says nothing that the rest does not say.
    auto status = dump(NFT_MSG_GETTABLE, 0, table, [&](const nlmsghdr* m) {
      there = take(m, NFTA_TABLE_NAME, {NFTA_TABLE_USE}) || there;
    });
    if (status && !there) return 0;
    if (status) {
      status = dump(NFT_MSG_GETCHAIN, 0, table,
                    [&](const nlmsghdr* m) { take(m, NFTA_CHAIN_TABLE, {NFTA_CHAIN_USE, NFTA_CHAIN_COUNTERS}); });
    }
    if (status) {
      status = dump(NFT_MSG_GETRULE, NFTA_RULE_TABLE, table, [&](const nlmsghdr* m) { take(m, NFTA_RULE_TABLE, {}); });
    }
    if (status) {
      status = dump(NFT_MSG_GETSET, NFTA_SET_TABLE, table, [&](const nlmsghdr* m) {
        std::string name;
        bool ours = false;
        std::uint64_t set = 0;
        each_attribute(m, sizeof(nfgenmsg), [&](const nlattr* a) {
          const auto type = mnl_attr_get_type(a);
          if (type == NFTA_SET_TABLE) ours = text(a) == table;
          if (type == NFTA_SET_NAME) name = text(a);
          if (type == NFTA_SET_NAME || type == NFTA_SET_FLAGS || type == NFTA_SET_KEY_TYPE || type == NFTA_SET_KEY_LEN ||
              type == NFTA_SET_HANDLE || type == NFTA_SET_TIMEOUT) {
            set = Fingerprint::digest(payload(a), set + type);
          }
        });
        if (!ours) return;
        digest = Fingerprint::digest(name, digest + set);
        if (name.starts_with("list/")) lists.push_back(std::move(name));
      });
    }
    for (auto it = lists.begin(); status && it != lists.end(); ++it) {
      std::uint64_t sum = 0;
      status = each_element(table, *it, [&](std::string_view key, std::uint32_t flags) {
        sum += Fingerprint::digest(key, flags);
      });
      digest = Fingerprint::digest(*it, digest + sum);
    }
    if (!status) return fail(status.error());
    return digest;
  }

  Status each_element(const std::string& table, const std::string& set,
                      const std::function<void(std::string_view, std::uint32_t)>& on) {
    alignas(nlmsghdr) char buffer[1024];
    auto* message = socket_.begin(buffer, NFT_MSG_GETSETELEM, NLM_F_DUMP, kInet);
    mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_TABLE, table.c_str());
    mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_SET, set.c_str());
    return socket_.exchange(message, [&](const nlmsghdr* answer) {
      each_attribute(answer, sizeof(nfgenmsg), [&](const nlattr* list) {
        if (mnl_attr_get_type(list) != NFTA_SET_ELEM_LIST_ELEMENTS) return;
        each_nested(list, [&](const nlattr* element) {
          std::string_view key;
          std::uint32_t flags = 0;
          each_nested(element, [&](const nlattr* part) {
            const auto type = mnl_attr_get_type(part);
            if (type == NFTA_SET_ELEM_FLAGS && payload(part).size() == 4) flags = ntohl(mnl_attr_get_u32(part));
            if (type != NFTA_SET_ELEM_KEY) return;
            each_nested(part, [&](const nlattr* value) {
              if (mnl_attr_get_type(value) == NFTA_DATA_VALUE) key = payload(value);
            });
          });
          on(key, flags);
        });
      });
    });
  }

  NetfilterSocket socket_;
};

}  // namespace

ElementKind element_kind(std::string_view type) {
  if (type == "ipv4_addr") return ElementKind::kV4;
  if (type == "ipv6_addr") return ElementKind::kV6;
  if (type == "ether_addr") return ElementKind::kMac;
  if (type == "ifname") return ElementKind::kInterface;
  if (type == "ipv4_addr . ether_addr . ifname") return ElementKind::kBoundV4;
  if (type == "ipv6_addr . ether_addr . ifname") return ElementKind::kBoundV6;
  return ElementKind::kOther;
}

std::string element_text(ElementKind kind, std::string_view key) {
  constexpr std::size_t kName = 16, kMac = 6, kMacRoom = 8;  // parts of a key begin at multiples of four
  const bool v4 = kind == ElementKind::kV4 || kind == ElementKind::kBoundV4;
  const std::size_t address = v4 ? 4 : 16;
  const auto ip = [&] {
    const auto found = IpAddress::from_bytes(key.substr(0, address));
    return found ? found->str() : std::string();
  };
  const auto interface = [](std::string_view name) { return fmt::format("\"{}\"", name.substr(0, name.find('\0'))); };
  const auto mac = [](std::string_view bytes) {
    const auto found = MacAddress::from_bytes(bytes);
    return found ? found->str() : std::string();
  };
  switch (kind) {
    case ElementKind::kV4:
    case ElementKind::kV6:
      if (key.size() == address) return ip();
      break;
    case ElementKind::kMac:
      if (key.size() == kMac) return mac(key);
      break;
    case ElementKind::kInterface:
      if (key.size() == kName) return interface(key);
      break;
    case ElementKind::kBoundV4:
    case ElementKind::kBoundV6:
      if (key.size() == address + kMacRoom + kName) {
        return fmt::format("{} . {} . {}", ip(), mac(key.substr(address, kMac)), interface(key.substr(address + kMacRoom)));
      }
      break;
    case ElementKind::kOther: break;
  }
  return std::string(key);
}

Result<std::unique_ptr<KernelTable>> KernelTable::open() {
  auto socket = NetfilterSocket::open(NFNL_SUBSYS_NFTABLES, "nftables");
  if (!socket) return fail(socket.error());
  return std::unique_ptr<KernelTable>(new NetlinkTable(std::move(*socket)));
}

}  // namespace postern::gateway::firewall
