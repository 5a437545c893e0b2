#pragma once
// Addresses of both families in one list: IPv4 and IPv6 have lists of their own there, and `all` is both here. Thread: any.
#include <string>
#include <string_view>

#include "gateway/config/import/draft.h"

namespace postern::gateway::config::fortios {

/// Addresses of one family, which `all` is there and not here: their names in this configuration. They are made when
/// something needs them, and never mean anything else: see Assembly::name_families.
struct FamilyNames {
  std::string four = "all-ipv4";
  std::string six = "all-ipv6";
};
Object all_of_family(const std::string& name, bool four);

/// There, srcaddr and dstaddr are IPv4 and srcaddr6 and dstaddr6 IPv6; here both stand in one list, and `all` is both:
/// writes the lists so that they let through exactly the same. Does nothing where our table has lists for IPv6.
void join_families(Draft& policy, const FamilyNames& names, Judgements& judgements);

/// `all` in a group is every address of the family whose table the group stands in. Does nothing to other entries.
void keep_family(Draft& group, const FamilyNames& names, Judgements& judgements);

}  // namespace postern::gateway::config::fortios
