#include "agent/collectors/domain/domain.h"

#include <gtest/gtest.h>

namespace postern::agent {
namespace {

TEST(Domain, OfSssdIsTheFirstOfItsSection) {
  EXPECT_EQ(
      parse_sssd_domain("[domain/x]\ndomains = wrong\n[sssd]\n# domains = c\ndomains = corp.example.org, other\n"),
      "corp.example.org");
  EXPECT_EQ(parse_sssd_domain("[sssd]\nservices = nss\n"), "");
  EXPECT_EQ(parse_sssd_domain("domains = outside\n"), "");
}

TEST(Domain, OfKerberosIsTheRealmAsDomainsAreWritten) {
  EXPECT_EQ(parse_krb5_realm("[libdefaults]\n\tdefault_realm = CORP.EXAMPLE.ORG\n"), "corp.example.org");
  EXPECT_EQ(parse_krb5_realm("[realms]\n default_realm = X\n"), "");
}

TEST(Domain, OfTheResolverIsWhatItUses) {
  EXPECT_EQ(parse_resolv_domain("nameserver 1.1.1.1\nsearch a.example b.example\n"), "a.example");
  EXPECT_EQ(parse_resolv_domain("domain first.example\nsearch last.example.\n"), "last.example");
  EXPECT_EQ(parse_resolv_domain("searching nothing\ndomain\nsearch\t\n"), "");
  EXPECT_EQ(parse_resolv_domain("search .\n"), "");
}

}  // namespace
}  // namespace postern::agent
