#include "agent/collectors/domain/domain.h"

#include <gtest/gtest.h>

#include "agent/collectors/root_lab.h"
#include "posture/fact_keys.h"

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

using DomainFiles = RootLab;

TEST_F(DomainFiles, OfSssdAreOverriddenByItsParts) {
  const auto domain = [&] {
    Facts facts(root_, from_unix_ms(1));
    collect_domain(facts);
    return facts.map().at(std::string(posture::keys::kDomain));
  };
  put("etc/sssd/sssd.conf", "[sssd]\ndomains = old.example\n");
  put("etc/sssd/conf.d/10.conf", "[sssd]\ndomains = first.example\n");
  put("etc/sssd/conf.d/20.conf", "[sssd]\ndomains = last.example, other.example\n");
  put("etc/sssd/conf.d/30.conf", "[domain/last.example]\nid_provider = ad\n");
  put("etc/sssd/conf.d/40.conf.bak", "[sssd]\ndomains = no.example\n");
  put("etc/sssd/conf.d/.50.conf", "[sssd]\ndomains = no.example\n");
  EXPECT_EQ(domain().value, posture::FactValue(std::string("last.example")));
  std::filesystem::remove(root_ / "etc/sssd/sssd.conf");
  EXPECT_EQ(domain().value, posture::FactValue(std::string("last.example")));
}

}  // namespace
}  // namespace postern::agent
