#pragma once
// What becomes of what comes in and what no rule lets in: nftables' chains, which iptables-nft, ufw and firewalld write
// too, gone through as the kernel would for such a packet.
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "agent/collectors/protection/dormant_tables.h"
#include "agent/collectors/protection/nft_rule.h"
#include "base/hex.h"
#include "base/result.h"

namespace postern::agent {

inline constexpr std::size_t kMaxNftRules = 100'000;
inline constexpr std::size_t kMaxNftElements = 65'536;

/// Pure: takes dumps of tables, of chains, of rules, of sets and of those sets' elements that it needs, in this order.
///
/// A rule lets something in if it accepts what few packets have: a port, a sender, a protocol that is neither TCP nor
/// UDP, an open connection. A packet that no such rule names may still be accepted: by a policy, by a rule that asks
/// for nothing, or that asks for what any packet may have (an interface other than lo, a rate, all of TCP).
class InputRules {
 public:
  void apply(ByteView datagram);

  struct Table {
    std::uint8_t family = 0;  ///< NFPROTO_….
    std::string name;
    auto operator<=>(const Table&) const = default;
  };
  /// Those that have a say in what comes in, or give it another destination.
  std::vector<Table> tables() const;
  struct Set {
    Table table;
    std::string name;
    auto operator<=>(const Set&) const = default;
  };
  /// Sets without a name of their own, in which rules look up interfaces, protocols and states. Those with a name
  /// change without a word to us: what they hold counts as not known.
  std::vector<Set> sets() const;

  enum class Fate {
    kDropped,
    kUnclear,   ///< Something decides that can't be followed.
    kAccepted,  ///< All of it, or all that comes by one interface or one of TCP and UDP.
  };
  Fate of_ipv4() const;
  Fate of_ipv6() const;

 private:
  struct Chain {
    bool input = false;       // a base chain that sees what comes in
    bool translates = false;  // one that may give that another destination
    bool drops = false;  // its policy
    std::vector<NftRule> rules;
  };
  using ChainKey = std::pair<Table, std::string>;
  class Walk;

  void apply_chain(const Table& table, ByteView attributes);
  void apply_rule(const Table& table, ByteView attributes);
  void apply_set(const Table& table, ByteView attributes);
  void apply_elements(const Table& table, ByteView attributes);
  Fate fate(std::uint8_t family) const;
  bool translates_few(std::uint8_t family) const;

  DormantTables dormant_;
  std::map<ChainKey, Chain> chains_;
  std::set<Set> plain_;  // whose elements each stand for one value
  std::map<Set, std::vector<NftElement>> elements_;
  std::size_t rules_ = 0, held_ = 0;
  bool cut_ = false;  // there were more than are kept
};

/// Of this network namespace. Errors: as read_ruleset.
Result<InputRules> read_input_rules();

}  // namespace postern::agent
