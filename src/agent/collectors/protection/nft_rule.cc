#include "agent/collectors/protection/nft_rule.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/xt_conntrack.h>

#include <linux/netfilter/xt_multiport.h>
#include <linux/netfilter/xt_tcpudp.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <iterator>
#include <optional>
#include <string_view>

#include "agent/collectors/network/netlink.h"

namespace postern::agent {
namespace {

using Subject = NftTest::Subject;
using How = NftTest::How;

std::uint32_t nft_number(ByteView value) {
  std::uint32_t raw = 0;
  read_struct(value, raw);
  return ntohl(raw);
}

std::string_view nft_text(ByteView value) {
  const auto text = as_text(value);
  return text.substr(0, text.find('\0'));
}

template <std::size_t N>
bool is_among(std::string_view name, const std::string_view (&names)[N]) {
  return std::ranges::find(names, name) != std::end(names);
}

NftVerdict parse_verdict(ByteView nested) {
  NftVerdict out{NftVerdict::Kind::kUnclear, {}};
  each_attribute(nested, [&](int attribute, ByteView value) {
    if (attribute == NFTA_VERDICT_CHAIN) out.chain = nft_text(value);
    if (attribute != NFTA_VERDICT_CODE) return;
    switch (static_cast<std::int32_t>(nft_number(value))) {
      case NF_ACCEPT:
        out.kind = NftVerdict::Kind::kAccept;
        break;
      case NF_DROP:
        out.kind = NftVerdict::Kind::kDrop;
        break;
      case NFT_RETURN:
        out.kind = NftVerdict::Kind::kReturn;
        break;
      case NFT_JUMP:
        out.kind = NftVerdict::Kind::kJump;
        break;
      case NFT_GOTO:
        out.kind = NftVerdict::Kind::kGoto;
        break;
      case NFT_CONTINUE:
        out.kind = NftVerdict::Kind::kNone;
        break;
      default:
        break;
    }
  });
  return out;
}

/// The bytes, or the verdict, of an NFTA_DATA_….
struct Data {
  Bytes value;
  NftVerdict verdict;
};
Data parse_data(ByteView nested) {
  Data out;
  each_attribute(nested, [&](int attribute, ByteView value) {
    if (attribute == NFTA_DATA_VALUE) out.value.assign(value.begin(), value.end());
    if (attribute == NFTA_DATA_VERDICT) out.verdict = parse_verdict(value);
  });
  return out;
}

Subject subject_of_meta(std::uint32_t key) {
  switch (key) {
    case NFT_META_NFPROTO:
      return Subject::kFamily;
    case NFT_META_IIF:
    case NFT_META_IIFNAME:
      return Subject::kInterface;
    case NFT_META_L4PROTO:
      return Subject::kProtocol;
    case NFT_META_MARK:
    case NFT_META_SKUID:
    case NFT_META_SKGID:
      return Subject::kUnclear;
    default:
      return Subject::kWide;
  }
}

Subject subject_of_connection(std::uint32_t key) {
  if (key == NFT_CT_STATE) return Subject::kState;
  if (key == NFT_CT_STATUS) return Subject::kTranslated;
  return key == NFT_CT_MARK ? Subject::kUnclear : Subject::kWide;
}

Subject subject_of_payload(std::uint32_t base, std::uint32_t offset, std::uint32_t length) {
  constexpr std::uint32_t kProtocolOf4 = 9, kSourceOf4 = 12, kProtocolOf6 = 6, kSourceOf6 = 8;
  if (base == NFT_PAYLOAD_TRANSPORT_HEADER) {
    if (offset == 2 && length == 2) return Subject::kPort;
    return offset == 0 && length == 4 ? Subject::kPorts : Subject::kUnclear;
  }
  if (base != NFT_PAYLOAD_NETWORK_HEADER) return Subject::kWide;
  if (length == 1 && (offset == kProtocolOf4 || offset == kProtocolOf6)) return Subject::kProtocol;
  // A sender's address, whole or its network; the destination's is mostly this machine's own.
  return (offset == kSourceOf4 && length <= 4) || (offset == kSourceOf6 && length > 4) ? Subject::kSender
                                                                                       : Subject::kWide;
}

/// How many bits of the beginning; none: it has holes.
std::optional<std::size_t> leading_bits(const Bytes& mask) {
  std::size_t bits = 0;
  bool over = false;
  for (const std::uint8_t byte : mask) {
    const auto ones = static_cast<std::size_t>(std::countl_one(byte));
    if ((over && byte != 0) || static_cast<std::uint8_t>(byte << ones) != 0) return std::nullopt;
    over = over || ones < 8;
    bits += ones;
  }
  return bits;
}

Bytes on_the_wire(std::uint16_t port) { return {static_cast<std::uint8_t>(port >> 8), static_cast<std::uint8_t>(port & 0xff)}; }

Bytes in_host_order(std::uint32_t bits) {
  Bytes out(sizeof bits);
  std::memcpy(out.data(), &bits, sizeof bits);
  return out;
}

/// Goes through a rule's expressions: one loads something of the packet, the next ones compare it.
class RuleReader {
 public:
  void take(std::string_view name, ByteView data) {
    constexpr std::string_view kNoSay[] = {"counter", "log", "notrack", "masq", "tproxy", "objref", "dup", "fwd"};
    constexpr std::string_view kLimits[] = {"limit", "quota", "connlimit", "numgen", "hash", "fib", "rt", "dynset"};
    if (name == "meta") return load(data, NFTA_META_DREG, NFTA_META_KEY, subject_of_meta);
    if (name == "ct") return load(data, NFTA_CT_DREG, NFTA_CT_KEY, subject_of_connection);
    if (name == "payload") return load_payload(data);
    if (name == "bitwise") return mask(data);
    if (name == "cmp") return compare(data);
    if (name == "range") return range(data);
    if (name == "lookup") return look_up(data);
    if (name == "immediate") return immediate(data);
    if (name == "reject") return decide({NftVerdict::Kind::kDrop, {}});
    if (name == "queue") return decide({NftVerdict::Kind::kUnclear, {}});
    if (name == "match") return xtables_match(data);
    if (name == "target") return xtables_target(data);
    if (is_among(name, kNoSay)) return;
    if (name == "nat") return translate(data);
    if (name == "redir") return translated();
    test(is_among(name, kLimits) ? Subject::kWide : Subject::kUnclear);
    subject_ = Subject::kUnclear;  // what is compared next is what this made of it
  }
  NftRule finish() { return std::move(rule_); }

 private:
  template <class SubjectOf>
  void load(ByteView data, int register_attribute, int key_attribute, SubjectOf subject_of) {
    bool loads = false;  // else it sets something
    std::uint32_t key = 0;
    each_attribute(data, [&](int attribute, ByteView value) {
      loads = loads || attribute == register_attribute;
      if (attribute == key_attribute) key = nft_number(value);
    });
    if (loads) loaded(subject_of(key));
  }

  void load_payload(ByteView data) {
    bool loads = false;
    std::uint32_t base = 0, offset = 0, length = 0;
    each_attribute(data, [&](int attribute, ByteView value) {
      loads = loads || attribute == NFTA_PAYLOAD_DREG;
      if (attribute == NFTA_PAYLOAD_BASE) base = nft_number(value);
      if (attribute == NFTA_PAYLOAD_OFFSET) offset = nft_number(value);
      if (attribute == NFTA_PAYLOAD_LEN) length = nft_number(value);
    });
    if (loads) loaded(subject_of_payload(base, offset, length));
  }

  void loaded(Subject subject) {
    subject_ = joined_ > 0 ? Subject::kUnclear : subject;  // several that are looked up together
    ++joined_;
    mask_.clear();
  }

  void mask(ByteView data) {
    each_attribute(data, [&](int attribute, ByteView value) {
      if (attribute == NFTA_BITWISE_MASK) mask_ = parse_data(value).value;
      if (attribute == NFTA_BITWISE_OP && nft_number(value) != NFT_BITWISE_BOOL) subject_ = Subject::kUnclear;
    });
  }

  void compare(ByteView data) {
    std::uint32_t operation = NFT_CMP_EQ;
    Bytes value;
    each_attribute(data, [&](int attribute, ByteView bytes) {
      if (attribute == NFTA_CMP_OP) operation = nft_number(bytes);
      if (attribute == NFTA_CMP_DATA) value = parse_data(bytes).value;
    });
    const bool zero = std::ranges::all_of(value, [](std::uint8_t b) { return b == 0; });
    // "ct state established,related" is (state & bits) != 0, "ct status dnat" too.
    if (!mask_.empty() && zero && operation == NFT_CMP_NEQ) return test(subject_, How::kAnyBit, mask_);
    if (!mask_.empty() && subject_ == Subject::kState) return test(subject_, How::kNotEqual, mask_);
    const auto bits = mask_.empty() ? std::optional(8 * value.size()) : leading_bits(mask_);
    if (!bits || (!mask_.empty() && subject_ != Subject::kSender)) return test(Subject::kUnclear);
    bits_ = *bits;
    switch (operation) {
      case NFT_CMP_EQ:
        return test(subject_, How::kEqual, value);
      case NFT_CMP_GT:
      case NFT_CMP_GTE:
        return test(subject_, How::kAtLeast, value);
      case NFT_CMP_LT:
      case NFT_CMP_LTE:
        return test(subject_, How::kAtMost, value);
      default:
        return test(subject_, How::kNotEqual, value);
    }
  }

  void range(ByteView data) {
    std::uint32_t operation = NFT_RANGE_EQ;
    Bytes from, to;
    each_attribute(data, [&](int attribute, ByteView bytes) {
      if (attribute == NFTA_RANGE_OP) operation = nft_number(bytes);
      if (attribute == NFTA_RANGE_FROM_DATA) from = parse_data(bytes).value;
      if (attribute == NFTA_RANGE_TO_DATA) to = parse_data(bytes).value;
    });
    if (operation != NFT_RANGE_EQ) return test(subject_, How::kNotEqual);
    test(subject_, How::kAtLeast, from);
    test(subject_, How::kAtMost, to);
  }

  void look_up(ByteView data) {
    NftTest out{.subject = mask_.empty() ? subject_ : Subject::kUnclear, .how = How::kEqual, .value = {}, .bits = 0, .set = {}};
    each_attribute(data, [&](int attribute, ByteView value) {
      if (attribute == NFTA_LOOKUP_SET) out.set = nft_text(value);
      if (attribute == NFTA_LOOKUP_FLAGS && (nft_number(value) & NFT_LOOKUP_F_INV) != 0) out.how = How::kNotEqual;
      if (attribute == NFTA_LOOKUP_DREG && nft_number(value) == NFT_REG_VERDICT) out.map = true;
    });
    joined_ = 0;
    rule_.tests.push_back(std::move(out));
  }

  void immediate(ByteView data) {
    bool verdict = false;
    Data content;
    each_attribute(data, [&](int attribute, ByteView value) {
      if (attribute == NFTA_IMMEDIATE_DREG) verdict = nft_number(value) == NFT_REG_VERDICT;
      if (attribute == NFTA_IMMEDIATE_DATA) content = parse_data(value);
    });
    if (verdict) decide(std::move(content.verdict));
  }

  void translate(ByteView data) {
    std::uint32_t type = NFT_NAT_DNAT;
    each_attribute(data, [&](int attribute, ByteView value) {
      if (attribute == NFTA_NAT_TYPE) type = nft_number(value);
    });
    if (type == NFT_NAT_DNAT) translated();
  }
  void translated() { rule_.translates = true; }

  /// What iptables asks by its own modules.
  void xtables_match(ByteView data) {
    constexpr std::string_view kNarrow[] = {"icmp", "icmp6", "esp", "ah"};
    constexpr std::string_view kWide[] = {"limit",  "hashlimit", "addrtype", "pkttype",
                                          "recent", "statistic", "rpfilter"};
    std::string_view name;
    ByteView info;
    each_attribute(data, [&](int attribute, ByteView value) {
      if (attribute == NFTA_MATCH_NAME) name = nft_text(value);
      if (attribute == NFTA_MATCH_INFO) info = value;
    });
    if (name == "comment") return;
    if (name == "conntrack") return connection_state(info);
    if (name == "tcp") return ports_of<xt_tcp>(info, XT_TCP_INV_DSTPT);
    if (name == "udp") return ports_of<xt_udp>(info, XT_UDP_INV_DSTPT);
    if (name == "multiport") return several_ports(info);
    test(is_among(name, kNarrow) ? Subject::kNarrow : is_among(name, kWide) ? Subject::kWide : Subject::kUnclear);
  }

  template <class Asked>
  void ports_of(ByteView info, unsigned inverted) {
    Asked asked{};
    if (!read_struct(info, asked)) return test(Subject::kUnclear);
    if ((asked.invflags & inverted) != 0) return test(Subject::kWide);
    test(Subject::kPort, How::kAtLeast, on_the_wire(asked.dpts[0]));
    test(Subject::kPort, How::kAtMost, on_the_wire(asked.dpts[1]));
  }

  void several_ports(ByteView info) {
    xt_multiport_v1 asked{};
    if (!read_struct(info, asked) || asked.count > XT_MULTI_PORTS) return test(Subject::kUnclear);
    std::size_t ports = 0;
    for (std::size_t i = 0; i < asked.count; ++i) {
      const bool range = asked.pflags[i] != 0 && i + 1 < asked.count && asked.ports[i + 1] >= asked.ports[i];
      ports += range ? asked.ports[i + 1] - asked.ports[i] + 1u : 1u;
      i += range ? 1 : 0;
    }
    const bool few = asked.flags == XT_MULTIPORT_DESTINATION && asked.invert == 0 && ports <= kFewPorts;
    test(few ? Subject::kNarrow : Subject::kWide);
  }

  void connection_state(ByteView info) {
    xt_conntrack_mtinfo3 asked{};
    if (!read_struct(info, asked)) return test(Subject::kUnclear);
    if ((asked.match_flags & XT_CONNTRACK_STATE) == 0) return test(Subject::kWide);
    constexpr std::uint32_t kSame = NF_CT_STATE_INVALID_BIT | NF_CT_STATE_BIT(IP_CT_ESTABLISHED) |
                                    NF_CT_STATE_BIT(IP_CT_RELATED) | NF_CT_STATE_BIT(IP_CT_NEW);
    if ((asked.state_mask & XT_CONNTRACK_STATE_SNAT) != 0) return test(Subject::kUnclear);
    std::uint32_t bits = asked.state_mask & kSame;
    if ((asked.state_mask & XT_CONNTRACK_STATE_UNTRACKED) != 0) bits |= NF_CT_STATE_UNTRACKED_BIT;
    const bool inverted = (asked.invert_flags & XT_CONNTRACK_STATE) != 0;
    if (asked.state_mask == XT_CONNTRACK_STATE_DNAT && !inverted)
      return test(Subject::kTranslated, How::kAnyBit, in_host_order(IPS_DST_NAT));
    if ((asked.state_mask & XT_CONNTRACK_STATE_DNAT) != 0) return test(Subject::kUnclear);
    test(Subject::kState, inverted ? How::kNotEqual : How::kAnyBit, in_host_order(bits));
  }

  void xtables_target(ByteView data) {
    constexpr std::string_view kNoSay[] = {"LOG",   "NFLOG", "ULOG",    "MARK", "CONNMARK",
                                           "AUDIT", "CT",    "SECMARK", "SET",  "TRACE"};
    std::string_view name;
    each_attribute(data, [&](int attribute, ByteView value) {
      if (attribute == NFTA_TARGET_NAME) name = nft_text(value);
    });
    constexpr std::string_view kTranslates[] = {"DNAT", "REDIRECT", "NETMAP"};
    if (name == "REJECT") return decide({NftVerdict::Kind::kDrop, {}});
    if (is_among(name, kTranslates)) translated();
    if (!is_among(name, kNoSay)) decide({NftVerdict::Kind::kUnclear, {}});
  }

  void test(Subject subject, How how = How::kEqual, Bytes value = {}) {
    joined_ = 0;
    rule_.tests.push_back({.subject = subject, .how = how, .value = std::move(value), .bits = bits_, .set = {}});
    bits_ = 0;
  }
  void decide(NftVerdict verdict) { rule_.verdict = std::move(verdict); }

  NftRule rule_;
  Subject subject_ = Subject::kUnclear;  // what was loaded last
  int joined_ = 0;                       // how many since the last test
  Bytes mask_;
  std::size_t bits_ = 0;                 // of the value of the test that comes
};

}  // namespace

NftRule parse_nft_rule(ByteView expressions) {
  RuleReader reader;
  each_attribute(expressions, [&](int, ByteView element) {
    std::string_view name;
    ByteView data;
    each_attribute(element, [&](int attribute, ByteView value) {
      if (attribute == NFTA_EXPR_NAME) name = nft_text(value);
      if (attribute == NFTA_EXPR_DATA) data = value;
    });
    reader.take(name, data);
  });
  return reader.finish();
}

constexpr std::uint32_t kCatchAll = 2;  // NFT_SET_ELEM_CATCHALL of newer headers

std::vector<NftElement> parse_nft_elements(ByteView elements) {
  std::vector<NftElement> out;
  each_attribute(elements, [&](int, ByteView nested) {
    NftElement one;
    each_attribute(nested, [&](int attribute, ByteView value) {
      if (attribute == NFTA_SET_ELEM_KEY) one.key = parse_data(value).value;
      if (attribute == NFTA_SET_ELEM_DATA) one.verdict = parse_data(value).verdict;
      if (attribute != NFTA_SET_ELEM_FLAGS) return;
      one.end = (nft_number(value) & NFT_SET_ELEM_INTERVAL_END) != 0;
      one.rest = (nft_number(value) & kCatchAll) != 0;
    });
    out.push_back(std::move(one));
  });
  return out;
}

}  // namespace postern::agent
