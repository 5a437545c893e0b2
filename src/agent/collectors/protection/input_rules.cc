#include "agent/collectors/protection/input_rules.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <algorithm>
#include <iterator>

#include "agent/collectors/network/netlink.h"
#include "agent/collectors/protection/input_walk.h"
#include "agent/collectors/protection/nft_meaning.h"
#include "agent/collectors/protection/nft_socket.h"

namespace postern::agent {
namespace {

constexpr std::uint16_t of_nftables(int type) { return static_cast<std::uint16_t>(NFNL_SUBSYS_NFTABLES << 8 | type); }

std::uint32_t be32(ByteView value) {
  std::uint32_t raw = 0;
  read_struct(value, raw);
  return ntohl(raw);
}

bool sees_input(std::uint8_t family) {
  return family == NFPROTO_INET || family == NFPROTO_IPV4 || family == NFPROTO_IPV6;
}

/// nft and iptables-nft call sets so that have no name of their own: they belong to one rule and never change.
bool is_anonymous(const std::string& set) { return set.starts_with("__set") || set.starts_with("__map"); }

}  // namespace

void InputRules::apply(ByteView datagram) {
  dormant_.apply(datagram);
  each_netlink_message(datagram, [this](const nlmsghdr& head, ByteView payload) {
    nfgenmsg general;
    if (!read_struct(payload, general) || !sees_input(general.nfgen_family)) return true;
    const Table table{general.nfgen_family, {}};
    const auto attributes = payload.subspan(sizeof general);
    if (head.nlmsg_type == of_nftables(NFT_MSG_NEWCHAIN)) apply_chain(table, attributes);
    if (head.nlmsg_type == of_nftables(NFT_MSG_NEWRULE)) apply_rule(table, attributes);
    if (head.nlmsg_type == of_nftables(NFT_MSG_NEWSET)) apply_set(table, attributes);
    if (head.nlmsg_type == of_nftables(NFT_MSG_NEWSETELEM)) apply_elements(table, attributes);
    return true;
  });
}

void InputRules::apply_chain(const Table& of, ByteView attributes) {
  ChainKey key{of, {}};
  Chain chain;
  bool nat = false;
  each_attribute(attributes, [&](int attribute, ByteView value) {
    if (attribute == NFTA_CHAIN_TABLE) key.first.name = netlink_text(value);
    if (attribute == NFTA_CHAIN_NAME) key.second = netlink_text(value);
    if (attribute == NFTA_CHAIN_POLICY) chain.drops = be32(value) == NF_DROP;
    if (attribute == NFTA_CHAIN_TYPE) nat = netlink_text(value) == "nat";
    if (attribute != NFTA_CHAIN_HOOK) return;
    each_attribute(value, [&](int nested, ByteView hook) {
      if (nested != NFTA_HOOK_HOOKNUM) return;
      chain.input = be32(hook) == NF_INET_LOCAL_IN;
      chain.translates = be32(hook) == NF_INET_PRE_ROUTING;
    });
  });
  chain.translates = chain.translates && nat;
  if (dormant_.contains(of.family, key.first.name)) chain.input = chain.translates = false;
  if (chains_.size() >= kMaxNftRules) cut_ = true;
  if (!cut_) chains_[std::move(key)] = std::move(chain);
}

void InputRules::apply_rule(const Table& of, ByteView attributes) {
  ChainKey key{of, {}};
  NftRule rule;
  each_attribute(attributes, [&](int attribute, ByteView value) {
    if (attribute == NFTA_RULE_TABLE) key.first.name = netlink_text(value);
    if (attribute == NFTA_RULE_CHAIN) key.second = netlink_text(value);
    if (attribute == NFTA_RULE_EXPRESSIONS) rule = parse_nft_rule(value);
  });
  const auto it = chains_.find(key);
  if (it == chains_.end()) return;
  if (++rules_ > kMaxNftRules) cut_ = true;
  if (!cut_) it->second.rules.push_back(std::move(rule));
}

void InputRules::apply_set(const Table& of, ByteView attributes) {
  Set set{of, {}};
  std::uint32_t flags = NFT_SET_INTERVAL;
  each_attribute(attributes, [&](int attribute, ByteView value) {
    if (attribute == NFTA_SET_TABLE) set.table.name = netlink_text(value);
    if (attribute == NFTA_SET_NAME) set.name = netlink_text(value);
    if (attribute == NFTA_SET_FLAGS) flags = be32(value);
  });
  if (plain_.size() >= kMaxNftElements) cut_ = true;
  if (!cut_ && (flags & (NFT_SET_INTERVAL | NFT_SET_CONCAT)) == 0) plain_.insert(std::move(set));
}

void InputRules::apply_elements(const Table& of, ByteView attributes) {
  Set set{of, {}};
  std::vector<NftElement> elements;
  each_attribute(attributes, [&](int attribute, ByteView value) {
    if (attribute == NFTA_SET_ELEM_LIST_TABLE) set.table.name = netlink_text(value);
    if (attribute == NFTA_SET_ELEM_LIST_SET) set.name = netlink_text(value);
    if (attribute == NFTA_SET_ELEM_LIST_ELEMENTS) elements = parse_nft_elements(value);
  });
  held_ += elements.size() + 1;
  if (held_ > kMaxNftElements) cut_ = true;
  if (cut_) return;
  auto& all = elements_[std::move(set)];
  all.insert(all.end(), std::make_move_iterator(elements.begin()), std::make_move_iterator(elements.end()));
}

std::vector<InputRules::Table> InputRules::tables() const {
  std::vector<Table> out;
  for (const auto& [key, chain] : chains_) {
    if ((chain.input || chain.translates) && (out.empty() || out.back() != key.first)) out.push_back(key.first);
  }
  return out;
}

std::vector<InputRules::Set> InputRules::sets() const {
  std::vector<Set> out;
  for (const auto& [key, chain] : chains_) {
    for (const auto& rule : chain.rules) {
      for (const auto& test : rule.tests) {
        if (!test.set.empty() && is_anonymous(test.set)) out.push_back({key.first, test.set});
      }
    }
  }
  return out;
}

InputRules::Fate InputRules::of_ipv4() const { return fate(NFPROTO_IPV4); }
InputRules::Fate InputRules::of_ipv6() const { return fate(NFPROTO_IPV6); }

InputRules::Fate InputRules::fate(std::uint8_t family) const {
  auto out = Fate::kAccepted;
  if (cut_) return Fate::kUnclear;
  for (const auto& [key, chain] : chains_) {
    const bool other = key.first.family != NFPROTO_INET && key.first.family != family;
    if (!chain.input || other) continue;
    const auto ends = Walk(*this, key.first, family).chain(key.second);
    // Every chain has its say: one that drops whatever nobody let in is enough.
    if (ends.accepted || (ends.returned && !chain.drops)) continue;
    if (!ends.unclear) return Fate::kDropped;
    out = Fate::kUnclear;
  }
  return out;
}

/// Rules that give another destination name few packets each. What leads to them is not asked: it may only make them fewer.
bool InputRules::translates_few(std::uint8_t family) const {
  return std::ranges::all_of(chains_, [&](const auto& one) {
    const auto& [key, chain] = one;
    if (key.first.family != NFPROTO_INET && key.first.family != family) return true;
    const Walk walk(*this, key.first, family);
    return std::ranges::all_of(chain.rules, [&](const NftRule& rule) {
      const auto asked = rule.translates ? walk.asks(rule).meaning : NftMeaning::kNever;
      return asked == NftMeaning::kNever || asked == NftMeaning::kNarrow;
    });
  });
}

Result<InputRules> read_input_rules() {
  const auto socket = NftSocket::open();
  if (!socket) return fail(socket.error());
  InputRules out;
  const auto take = [&](ByteView datagram) { out.apply(datagram); };
  for (const int what : {NFT_MSG_GETTABLE, NFT_MSG_GETCHAIN}) {
    if (auto read = socket->dump(what, NFPROTO_UNSPEC, {}, take); !read) return fail(read.error());
  }
  // What is not there any more was there a moment ago.
  const auto gone = [](Error error) {
    if (error.code == ErrorCode::kUnsupported)
      return Error{ErrorCode::kUnavailable, "nftables' rules changed while read"};
    return error;
  };
  for (const auto& table : out.tables()) {
    if (auto read = socket->dump(NFT_MSG_GETRULE, table.family, {{NFTA_RULE_TABLE, table.name}}, take); !read)
      return fail(gone(read.error()));
  }
  for (const auto& table : out.tables()) {
    if (auto read = socket->dump(NFT_MSG_GETSET, table.family, {{NFTA_SET_TABLE, table.name}}, take); !read)
      return fail(gone(read.error()));
  }
  for (const auto& set : out.sets()) {
    const NftSocket::Names names{{NFTA_SET_ELEM_LIST_TABLE, set.table.name}, {NFTA_SET_ELEM_LIST_SET, set.name}};
    if (auto read = socket->dump(NFT_MSG_GETSETELEM, set.table.family, names, take); !read)
      return fail(gone(read.error()));
  }
  return out;
}

}  // namespace postern::agent
