#pragma once
// The chains of the forward hook, as nftables text. Pure.
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/firewall/policy.h"

namespace postern::gateway::firewall {

/// Names of the sets that belong to one dynamic address.
struct TagSets {
  explicit TagSets(std::string_view dynamic_address);
  std::string v4, v6, mac, known4, known6;
};

/// Does the policy need to know of whom a tag is known (denies by it or negates it)?
bool judges_absence(const Policy& policy);

/// The body of the table. Policies share the chains that judge their conditions, and lists of addresses, ports and
/// interfaces: each different list of more than one is a set that is named by what it holds, so it never changes. (A
/// set of its own in each rule makes the kernel's work grow with the square of the rules: 5,000 policies took seconds.)
struct Ruleset {
  std::string chains;                        ///< `chain … { … }`, one rule per line.
  std::map<std::string, std::string> lists;  ///< By name: "type ipv4_addr; flags interval; elements = { … };"
  std::size_t listed = 0;                    ///< Elements of all lists.
};
/// More elements than this are refused before they are asked for: the kernel may need 8 KiB for each while it changes
/// them (whenever any program on the machine listens to what changes in nftables), all at once.
inline constexpr std::size_t kMaxListed = 65'536;
Ruleset render_chains(const std::vector<Policy>& policies);

}  // namespace postern::gateway::firewall
