#include "agent/collectors/protection/input_rules.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <netinet/in.h>

#include <algorithm>
#include <string_view>

#include "agent/collectors/network/netlink.h"
#include "agent/collectors/protection/nft_socket.h"

namespace postern::agent {
namespace {

using Kind = NftVerdict::Kind;
using Subject = NftTest::Subject;
using How = NftTest::How;

constexpr int kMaxJumps = 32;  // the kernel allows 16

constexpr std::uint16_t of_nftables(int type) { return static_cast<std::uint16_t>(NFNL_SUBSYS_NFTABLES << 8 | type); }

std::uint32_t be32(ByteView value) {
  std::uint32_t raw = 0;
  read_struct(value, raw);
  return ntohl(raw);
}

std::uint32_t host32(ByteView value) {
  std::uint32_t raw = 0;
  read_struct(value, raw);
  return raw;
}

bool sees_input(std::uint8_t family) {
  return family == NFPROTO_INET || family == NFPROTO_IPV4 || family == NFPROTO_IPV6;
}

/// nft and iptables-nft call sets so that have no name of their own: they belong to one rule and never change.
bool is_anonymous(const std::string& set) { return set.starts_with("__set") || set.starts_with("__map"); }

bool is_loopback(const Bytes& interface) {
  constexpr std::uint32_t kLoopbackIndex = 1;
  if (interface.size() == sizeof(std::uint32_t) && host32(interface) == kLoopbackIndex) return true;
  const auto name = as_text(interface);
  return name.starts_with(std::string_view("lo\0", 3));
}

/// What a test means for a packet that nobody let in by name.
enum class Meaning {
  kNever,   // it does not match: another family, or what never leaves this machine
  kNarrow,  // few packets match
  kMaybe,   // it may match any packet, or not
  kAlways,
  kUnclear,
};

Meaning of_family(const std::vector<Bytes>& values, bool inverted, std::uint8_t family) {
  const bool here = std::ranges::any_of(values, [&](const Bytes& v) { return !v.empty() && v[0] == family; });
  return here != inverted ? Meaning::kAlways : Meaning::kNever;
}

Meaning of_interface(const std::vector<Bytes>& values, bool inverted) {
  const bool loopback = std::ranges::all_of(values, is_loopback);
  if (!loopback) return Meaning::kMaybe;
  return inverted ? Meaning::kAlways : Meaning::kNever;
}

Meaning of_protocol(const std::vector<Bytes>& values, bool inverted) {
  const bool common = std::ranges::any_of(
      values, [](const Bytes& v) { return v.empty() || v[0] == IPPROTO_TCP || v[0] == IPPROTO_UDP; });
  return common || inverted ? Meaning::kMaybe : Meaning::kNarrow;
}

Meaning of_state(const std::vector<Bytes>& values, bool inverted) {
  constexpr std::uint32_t kNew = NF_CT_STATE_BIT(IP_CT_NEW) | NF_CT_STATE_UNTRACKED_BIT;
  const bool fresh =
      std::ranges::any_of(values, [](const Bytes& v) { return v.size() != 4 || (host32(v) & kNew) != 0; });
  return fresh || inverted ? Meaning::kMaybe : Meaning::kNarrow;
}

std::size_t port_of(const Bytes& value) { return value.size() == 2 ? std::size_t{value[0]} << 8 | value[1] : 0; }

Meaning of_ports(std::size_t from, std::size_t to) {
  return from <= to && to - from < kFewPorts ? Meaning::kNarrow : Meaning::kMaybe;
}
Meaning of_port(const NftTest& test) {
  const auto port = port_of(test.value);
  if (test.how == How::kAtLeast) return of_ports(port, 0xffff);
  if (test.how == How::kAtMost) return of_ports(0, port);
  return test.how == How::kEqual ? Meaning::kNarrow : Meaning::kMaybe;
}

/// A network of some size: two halves would be everybody.
Meaning of_sender(const NftTest& test) {
  constexpr std::size_t kNetwork = 8;
  if (test.how == How::kEqual && test.bits >= kNetwork) return Meaning::kNarrow;
  return test.how == How::kEqual || test.how == How::kNotEqual ? Meaning::kMaybe : Meaning::kUnclear;
}

/// The elements say how much each of them is, one by one.
bool is_counted(const NftTest& test) { return test.subject == Subject::kPort || test.subject == Subject::kSender; }

Meaning meaning(const NftTest& test, const std::vector<Bytes>& values, std::uint8_t family) {
  const bool inverted = test.how == How::kNotEqual;
  switch (test.subject) {
    case Subject::kFamily:
      return of_family(values, inverted, family);
    case Subject::kInterface:
      return of_interface(values, inverted);
    case Subject::kProtocol:
      return of_protocol(values, inverted);
    case Subject::kState:
      return of_state(values, inverted);
    case Subject::kPort:
      return of_port(test);
    case Subject::kPorts:
      return test.how == How::kEqual && test.bits == 32 ? Meaning::kNarrow : Meaning::kUnclear;
    case Subject::kSender:
      return of_sender(test);
    case Subject::kNarrow:
      return inverted ? Meaning::kMaybe : Meaning::kNarrow;
    case Subject::kWide:
      return Meaning::kMaybe;
    case Subject::kTranslated:  // by what other rules do
    case Subject::kUnclear:
      break;
  }
  return Meaning::kUnclear;
}

/// "ct status dnat"
bool is_translated(const NftTest& test) {
  return test.subject == Subject::kTranslated && test.how == How::kAnyBit && test.value.size() == sizeof(std::uint32_t) &&
         host32(test.value) == IPS_DST_NAT;
}

/// Of all tests of a rule: all must match.
Meaning both(Meaning a, Meaning b) {
  for (const auto strongest : {Meaning::kNever, Meaning::kNarrow, Meaning::kUnclear, Meaning::kMaybe}) {
    if (a == strongest || b == strongest) return strongest;
  }
  return Meaning::kAlways;
}

/// How a packet that nobody let in may leave a chain, if not dropped.
struct Ends {
  bool accepted = false, returned = false, unclear = false;
  void add(const Ends& other) {
    accepted = accepted || other.accepted;
    returned = returned || other.returned;
    unclear = unclear || other.unclear;
  }
};

}  // namespace

/// One packet's way, of one family, through the chains of one table.
class InputRules::Walk {
 public:
  Walk(const InputRules& rules, Table table, std::uint8_t family)
      : all_(rules), table_(std::move(table)), family_(family) {}

  Ends chain(const std::string& name, int depth = 0) {
    if (const auto it = known_.find(name); it != known_.end()) return it->second;
    const auto it = all_.chains_.find({table_, name});
    if (it == all_.chains_.end() || depth > kMaxJumps) return {.unclear = true};
    Ends out;
    bool goes_on = true;
    for (const auto& rule : it->second.rules) {
      if (goes_on) goes_on = take(rule, depth, out);
    }
    out.returned = out.returned || goes_on;
    known_[name] = out;
    return out;
  }

  /// Of the tests before the first map.
  Meaning asks(const NftRule& rule) const {
    auto what = Meaning::kAlways;
    for (std::size_t i = 0; i < rule.tests.size() && !rule.tests[i].map; ++i) {
      const auto& test = rule.tests[i];
      const auto* next = i + 1 < rule.tests.size() ? &rule.tests[i + 1] : nullptr;
      const bool range = next != nullptr && test.subject == Subject::kPort && test.how == How::kAtLeast &&
                         next->subject == Subject::kPort && next->how == How::kAtMost;
      what = both(what, range ? of_ports(port_of(test.value), port_of(next->value)) : of(test));
      i += range ? 1 : 0;
    }
    return what;
  }

 private:
  /// False: nothing comes behind this rule.
  bool take(const NftRule& rule, int depth, Ends& out) {
    const auto what = asks(rule);
    const auto map = std::ranges::find(rule.tests, true, &NftTest::map);
    return map != rule.tests.end() ? by_map(rule, *map, what, depth, out) : by_verdict(rule.verdict, what, depth, out);
  }

  Meaning of(const NftTest& test) const {
    if (is_translated(test)) return all_.translates_few(family_) ? Meaning::kNarrow : Meaning::kUnclear;
    if (test.set.empty()) return meaning(test, {test.value}, family_);
    const auto it = all_.elements_.find({table_, test.set});
    if (it == all_.elements_.end()) return Meaning::kUnclear;
    std::vector<Bytes> values;
    for (const auto& element : it->second) {
      if (!element.end) values.push_back(element.key);
    }
    if (!is_counted(test)) return meaning(test, values, family_);
    if (test.how == How::kNotEqual || values.size() > kFewPorts) return Meaning::kMaybe;
    return is_plain(test.set, it->second) ? Meaning::kNarrow : Meaning::kUnclear;
  }

  bool is_plain(const std::string& set, const std::vector<NftElement>& elements) const {
    return all_.plain_.contains({table_, set}) && std::ranges::none_of(elements, [](const NftElement& e) { return e.end || e.rest; });
  }

  /// Each element of a map is a rule of its own; what none of them names goes on.
  bool by_map(const NftRule& rule, const NftTest& test, Meaning before, int depth, Ends& out) {
    const auto it = all_.elements_.find({table_, test.set});
    if (it == all_.elements_.end() || (is_counted(test) && !is_plain(test.set, it->second))) {
      if (before != Meaning::kNever && before != Meaning::kNarrow) out.unclear = true;
      return true;
    }
    bool goes_on = true;
    for (const auto& element : it->second) {
      if (element.end) continue;
      NftTest one = test;
      one.value = element.key;
      one.bits = 8 * element.key.size();
      goes_on = by_verdict(element.verdict, both(before, meaning(one, {element.key}, family_)), depth, out) && goes_on;
    }
    return goes_on || rule.tests.size() > 1;
  }

  bool by_verdict(const NftVerdict& verdict, Meaning what, int depth, Ends& out) {
    if (verdict.kind == Kind::kNone || what == Meaning::kNever || what == Meaning::kNarrow) return true;
    auto ends = ends_of(verdict, depth);
    const bool comes_back = ends.returned && verdict.kind == Kind::kJump;
    if (verdict.kind == Kind::kJump) ends.returned = false;
    // That some of it is dropped changes nothing; that it may be accepted does.
    if (what == Meaning::kUnclear) ends = {.unclear = ends.accepted || ends.returned || ends.unclear};
    out.add(ends);
    return what != Meaning::kAlways || comes_back;
  }

  Ends ends_of(const NftVerdict& verdict, int depth) {
    switch (verdict.kind) {
      case Kind::kAccept:
        return {.accepted = true};
      case Kind::kDrop:
        return {};
      case Kind::kReturn:
        return {.returned = true};
      case Kind::kJump:
      case Kind::kGoto:
        return chain(verdict.chain, depth + 1);
      default:
        return {.unclear = true};
    }
  }

  const InputRules& all_;
  const Table table_;
  const std::uint8_t family_;
  std::map<std::string, Ends> known_;
};

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
      const auto asked = rule.translates ? walk.asks(rule) : Meaning::kNever;
      return asked == Meaning::kNever || asked == Meaning::kNarrow;
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
