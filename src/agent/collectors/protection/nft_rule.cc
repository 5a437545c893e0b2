#include "agent/collectors/protection/nft_rule.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/xt_conntrack.h>

#include <algorithm>
#include <cstring>
#include <iterator>
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
      return Subject::kNarrow;
    default:
      return Subject::kWide;
  }
}

Subject subject_of_connection(std::uint32_t key) {
  if (key == NFT_CT_STATE) return Subject::kState;
  return key == NFT_CT_STATUS || key == NFT_CT_MARK ? Subject::kNarrow : Subject::kWide;
}

Subject subject_of_payload(std::uint32_t base, std::uint32_t offset, std::uint32_t length) {
  constexpr std::uint32_t kProtocolOf4 = 9, kSourceOf4 = 12, kProtocolOf6 = 6, kSourceOf6 = 8;
  if (base == NFT_PAYLOAD_TRANSPORT_HEADER) return length == 2 && offset <= 2 ? Subject::kPort : Subject::kNarrow;
  if (base != NFT_PAYLOAD_NETWORK_HEADER) return Subject::kWide;
  if (length == 1 && (offset == kProtocolOf4 || offset == kProtocolOf6)) return Subject::kProtocol;
  // A sender's address, whole or its network; the destination's is mostly this machine's own.
  return (offset == kSourceOf4 && length <= 4) || (offset == kSourceOf6 && length > 4) ? Subject::kNarrow
                                                                                       : Subject::kWide;
}

/// Goes through a rule's expressions: one loads something of the packet, the next ones compare it.
class RuleReader {
 public:
  void take(std::string_view name, ByteView data) {
    constexpr std::string_view kNoSay[] = {"counter", "log",    "notrack", "nat", "masq",
                                           "redir",   "tproxy", "objref",  "dup", "fwd"};
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
    test(is_among(name, kLimits) ? Subject::kWide : Subject::kUnclear);
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
    // Of several that are looked up together one that is narrow is enough.
    if (joined_ > 0 && (subject_ == Subject::kNarrow || subject_ == Subject::kPort)) subject = Subject::kNarrow;
    subject_ = subject;
    ++joined_;
    mask_.clear();
  }

  void mask(ByteView data) {
    each_attribute(data, [&](int attribute, ByteView value) {
      if (attribute == NFTA_BITWISE_MASK) mask_ = parse_data(value).value;
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
    NftTest out{.subject = joined_ > 1 && subject_ != Subject::kNarrow ? Subject::kUnclear : subject_,
                .how = How::kEqual,
                .value = {},
                .set = {}};
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

  /// What iptables asks by its own modules.
  void xtables_match(ByteView data) {
    constexpr std::string_view kNarrow[] = {"tcp", "udp", "udplite", "dccp",   "sctp", "multiport", "icmp", "icmp6",
                                            "esp", "ah",  "set",     "policy", "mac",  "iprange",   "mark", "connmark"};
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
    test(is_among(name, kNarrow) ? Subject::kNarrow : is_among(name, kWide) ? Subject::kWide : Subject::kUnclear);
  }

  void connection_state(ByteView info) {
    xt_conntrack_mtinfo3 asked{};
    if (!read_struct(info, asked)) return test(Subject::kUnclear);
    if ((asked.match_flags & XT_CONNTRACK_STATE) == 0) return test(Subject::kWide);
    const std::uint32_t bits = asked.state_mask;
    Bytes value(sizeof bits);
    std::memcpy(value.data(), &bits, sizeof bits);
    test(Subject::kState, (asked.invert_flags & XT_CONNTRACK_STATE) != 0 ? How::kNotEqual : How::kAnyBit,
         std::move(value));
  }

  void xtables_target(ByteView data) {
    constexpr std::string_view kNoSay[] = {"LOG",   "NFLOG", "ULOG",    "MARK", "CONNMARK",
                                           "AUDIT", "CT",    "SECMARK", "SET",  "TRACE"};
    std::string_view name;
    each_attribute(data, [&](int attribute, ByteView value) {
      if (attribute == NFTA_TARGET_NAME) name = nft_text(value);
    });
    if (name == "REJECT") return decide({NftVerdict::Kind::kDrop, {}});
    if (!is_among(name, kNoSay)) decide({NftVerdict::Kind::kUnclear, {}});
  }

  void test(Subject subject, How how = How::kEqual, Bytes value = {}) {
    joined_ = 0;
    rule_.tests.push_back({.subject = subject, .how = how, .value = std::move(value), .set = {}});
  }
  void decide(NftVerdict verdict) { rule_.verdict = std::move(verdict); }

  NftRule rule_;
  Subject subject_ = Subject::kUnclear;  // what was loaded last
  int joined_ = 0;                       // how many since the last test
  Bytes mask_;
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

std::vector<NftElement> parse_nft_elements(ByteView elements) {
  std::vector<NftElement> out;
  each_attribute(elements, [&](int, ByteView nested) {
    NftElement one;
    bool end = false;
    each_attribute(nested, [&](int attribute, ByteView value) {
      if (attribute == NFTA_SET_ELEM_KEY) one.key = parse_data(value).value;
      if (attribute == NFTA_SET_ELEM_DATA) one.verdict = parse_data(value).verdict;
      if (attribute == NFTA_SET_ELEM_FLAGS) end = (nft_number(value) & NFT_SET_ELEM_INTERVAL_END) != 0;
    });
    if (!end) out.push_back(std::move(one));
  });
  return out;
}

}  // namespace postern::agent
