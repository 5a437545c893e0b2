#pragma once
// The way through chains: part of InputRules, for its own files only.
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "agent/collectors/protection/input_rules.h"
#include "agent/collectors/protection/nft_meaning.h"
#include "agent/collectors/protection/nft_rule.h"

namespace postern::agent {

/// How a packet that nobody let in may leave a chain, if not dropped.
struct ChainEnds {
  bool accepted = false, returned = false, unclear = false;
  void add(const ChainEnds& other) {
    accepted = accepted || other.accepted;
    returned = returned || other.returned;
    unclear = unclear || other.unclear;
  }
};

/// One packet's way, of one family, through the chains of one table. `rules` outlives it and stays as it is.
class InputRules::Walk {
 public:
  Walk(const InputRules& rules, Table table, std::uint8_t family);

  /// A chain that is not there, or too many jumps: unclear.
  ChainEnds chain(const std::string& name, int depth = 0);
  struct Asked {
    NftMeaning meaning = NftMeaning::kAlways;
    double share = 1;  ///< Of what a narrow rule names, of all ports or senders.
  };
  /// Of the tests before the first map.
  Asked asks(const NftRule& rule) const;

 private:
  bool take(const NftRule& rule, int depth, ChainEnds& out);
  Asked of(const NftTest& test) const;
  static Asked both(Asked a, Asked b);
  bool is_plain(const std::string& set, const std::vector<NftElement>& elements) const;
  bool by_map(const NftRule& rule, const NftTest& test, Asked before, int depth, ChainEnds& out);
  bool by_verdict(const NftVerdict& verdict, Asked what, int depth, ChainEnds& out);
  ChainEnds ends_of(const NftVerdict& verdict, int depth);

  const InputRules& all_;
  const Table table_;
  const std::uint8_t family_;
  std::map<std::string, ChainEnds> known_;
  double let_in_ = 0;  // by narrow rules, in sum
};

}  // namespace postern::agent
