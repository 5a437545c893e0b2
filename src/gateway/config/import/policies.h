#pragma once
// What is particular about policies: families of addresses, and refusals that stand in front. Thread: any.
#include <set>
#include <string>
#include <vector>

#include "gateway/config/import/draft.h"

namespace postern::gateway::config::fortios {

/// Addresses of one family, which `all` is there and not here; made when a policy needs them.
inline constexpr std::string_view kAllIpv4 = "all-ipv4";
inline constexpr std::string_view kAllIpv6 = "all-ipv6";
Object all_of_family(std::string_view name);

/// There, srcaddr and dstaddr are IPv4 and srcaddr6 and dstaddr6 IPv6; here both stand in one list, and `all` is both:
/// writes the lists so that they let through exactly the same. Does nothing where our table has lists for IPv6.
void join_families(Draft& policy, Judgements& judgements);

/// Is the policy in force there, and does it refuse what it matches?
bool refuses(const Draft& policy);
bool is_on(const Draft& policy);
/// May something match both? By their interfaces and access proxies, as the source names them.
bool may_overlap(const Draft& a, const Draft& b);

}  // namespace postern::gateway::config::fortios
