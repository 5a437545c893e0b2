#pragma once
// What administrators and API users share: how much they may do. From where is each table's own.
#include "gateway/config/tables/attributes.h"

namespace postern::gateway::config::tables {

inline constexpr std::string_view kReadOnlyProfile = "super_admin_readonly";

inline Describe account_profile() {
  return option("accprofile", "What the account may do with the REST API.",
                {{"super_admin", "Everything."}, {std::string(kReadOnlyProfile), "Look at everything, change nothing."}})
      .by_default("super_admin");
}

/// A subnet that has to be of one family. `value` is in normal form. Error: kInvalidArgument, naming the attribute.
inline Status check_family(std::string_view attribute, std::string_view value, bool v4) {
  if ((value.find(':') == value.npos) == v4) return {};
  return fail(ErrorCode::kInvalidArgument,
              std::string(attribute) + ": \"" + std::string(value) + "\" is not allowed; allowed: " +
                  (v4 ? "an IPv4 network, such as 192.0.2.0/24 (IPv6 goes into ip6-trusthost… or ipv6-trusthost)"
                      : "an IPv6 network, such as 2001:db8::/32 (IPv4 goes into trusthost… or ipv4-trusthost)"));
}

}  // namespace postern::gateway::config::tables
