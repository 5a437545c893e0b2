#pragma once
// Does the kernel filter what comes in? From nftables' chains, which iptables-nft, ufw and firewalld write too.
#include <string>

#include "agent/collectors/protection/dormant_tables.h"
#include "base/hex.h"
#include "base/result.h"

namespace postern::agent {

/// Pure: sums up a dump of tables and then of chains.
class Ruleset {
 public:
  /// Takes a datagram of NFT_MSG_NEWTABLE or NFT_MSG_NEWCHAIN messages.
  void apply(ByteView datagram);
  /// A chain that sees incoming packets has rules, or drops them as a whole.
  bool filters_input() const { return filters_input_; }

 private:
  DormantTables dormant_;
  bool filters_input_ = false;
};

/// Of this network namespace. Errors: kPermissionDenied (needs CAP_NET_ADMIN), kUnsupported (no nftables in this
/// kernel), kUnavailable.
Result<Ruleset> read_ruleset();

/// A socket that is readable when tables, chains or rules changed. Errors: as read_ruleset. The caller closes it.
Result<int> open_ruleset_events();
/// Takes what has come. True: tables, chains or rules changed (elements of sets do not count).
bool drain_ruleset_events(int fd);

}  // namespace postern::agent
