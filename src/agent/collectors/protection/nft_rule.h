#pragma once
// A rule of nftables as the kernel tells it, as far as it decides what comes in. Pure.
#include <cstdint>
#include <string>
#include <vector>

#include "base/hex.h"

namespace postern::agent {

/// What becomes of a packet by a rule, or by an element of a verdict map.
struct NftVerdict {
  enum class Kind {
    kNone,  ///< The rule decides nothing: it counts, logs, marks.
    kAccept,
    kDrop,  ///< Rejecting included.
    kReturn,
    kJump,
    kGoto,
    kUnclear,  ///< Somebody else decides (a queue, a target that is not known).
  };
  Kind kind = Kind::kNone;
  std::string chain;  ///< Of a jump or goto.
  friend bool operator==(const NftVerdict&, const NftVerdict&) = default;
};

/// One thing that a rule asks of a packet.
struct NftTest {
  enum class Subject {
    kFamily,     ///< IPv4 or IPv6; a byte, NFPROTO_….
    kInterface,  ///< By which it came, by index (four bytes of this machine's order) or name (longer, or a part of it).
    kProtocol,   ///< Of the layer above IP; a byte, IPPROTO_….
    kState,      ///< Of its connection; four bytes, NF_CT_STATE_BIT.
    kPort,       ///< Of the destination; two bytes as on the wire.
    kPorts,      ///< Of the sender and of the destination, four bytes.
    kSender,     ///< Its address, from the first bit on.
    kTranslated, ///< What became of it at translating, four bytes of this machine's order, IPS_….
    kNarrow,     ///< Something else that few packets have.
    kWide,       ///< Something that any packet from outside may have.
    kUnclear,    ///< Not known here, or what other rules make of a packet: marks, states of a connection beside kState.
  };
  enum class How { kEqual, kNotEqual, kAtLeast, kAtMost, kAnyBit };
  Subject subject = Subject::kUnclear;
  How how = How::kEqual;
  Bytes value;       ///< Compared with, or the bits.
  std::size_t bits = 0;  ///< Of the value's beginning that are compared.
  std::string set;   ///< Instead of a value: the name of the set, or map, that it is looked up in.
  bool map = false;  ///< The set's elements say what becomes of the packet.
};

struct NftRule {
  std::vector<NftTest> tests;
  NftVerdict verdict;
  bool translates = false;  ///< It gives what it matches another destination: this machine may be it.
};

/// More destination ports than these are no exception any more.
inline constexpr std::size_t kFewPorts = 1024;

/// The list of expressions of a rule (NFTA_RULE_EXPRESSIONS).
NftRule parse_nft_rule(ByteView expressions);

/// An element of a set or of a verdict map.
struct NftElement {
  Bytes key;
  NftVerdict verdict;
  bool end = false;   ///< Where the interval ends that began before it.
  bool rest = false;  ///< It stands for whatever no other element names.
};
/// The list of elements of an NFT_MSG_NEWSETELEM (NFTA_SET_ELEM_LIST_ELEMENTS).
std::vector<NftElement> parse_nft_elements(ByteView elements);

}  // namespace postern::agent
