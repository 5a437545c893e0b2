#pragma once
// The chains of the forward hook, as nftables text. Pure.
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

/// The body of the table: `chain … { … }`, one rule per line.
std::string render_chains(const std::vector<Policy>& policies);

}  // namespace postern::gateway::firewall
