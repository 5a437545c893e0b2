#pragma once
// The domain that the machine belongs to.
#include <string>
#include <string_view>

#include "agent/collectors/collector.h"
#include "base/result.h"

namespace postern::agent {

inline constexpr std::string_view kDomainFiles[] = {"/etc/sssd/sssd.conf", "/etc/sssd/conf.d", "/etc/krb5.conf",
                                                    "/etc/resolv.conf"};
void collect_domain(Facts& facts);

/// What sssd reads its domains from: the last of sssd.conf and the files in conf.d that names any. Errors: those of reading any
/// of them; kNotFound: there is none.
Result<std::string> read_sssd(const Facts& facts);

/// The first of "domains" in sssd.conf's section [sssd]. Pure.
std::string parse_sssd_domain(std::string_view text);
/// krb5.conf's default_realm in [libdefaults], lower-case as a domain is written. Pure.
std::string parse_krb5_realm(std::string_view text);
/// resolv.conf's "domain", else the first of "search"; the last line of the two counts, as for the resolver. Pure.
std::string parse_resolv_domain(std::string_view text);

}  // namespace postern::agent
