#pragma once
// Membership in a directory: what the machine and its people belong to. Pure.
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace postern::agent {

/// The realms, in lower case, of a keytab's principals that are a machine's: "host/NAME@REALM" and "NAME$@REALM". A machine
/// holds such keys only as a member. Error: kDataLoss (it is no keytab of version 2).
Result<std::set<std::string>> parse_keytab_realms(std::string_view bytes);

/// smb.conf's realm where "security = ads" stands in [global], in lower case; else empty.
std::string parse_samba_realm(std::string_view text);

/// The domains that sssd.conf's [sssd] enables.
std::vector<std::string> parse_sssd_domains(std::string_view text);

/// The domain of a login name: "alice@corp.example" or "CORP\alice" (as written, lower case); empty: the name has none.
std::string domain_of_login(std::string_view user);

/// Names, or ids, of a colon-separated table's first or third field: passwd(5), group(5).
std::set<std::string> parse_table_column(std::string_view text, std::size_t column);

}  // namespace postern::agent
