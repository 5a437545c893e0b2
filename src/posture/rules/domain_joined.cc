// domain-joined {"domains","match"}: the machine is a member of the domain.
#include "posture/fact_keys.h"
#include "posture/rules/domains.h"

namespace postern::posture::rules {
namespace domain_joined_rule {
namespace {

constexpr Reason kIn{"domain_joined", "the machine is a member of the domain"};
constexpr Reason kNotIn{"domain_not_joined", "the machine is no member of the domain"};

Result<std::unique_ptr<const Condition>> compile(const Parameters& parameters, OsFamily) {
  return compile_domains(parameters, keys::kJoinedDomains, kIn, kNotIn, "the machine is a member of ");
}

}  // namespace
}  // namespace domain_joined_rule

const RuleType& domain_joined() {
  static const RuleType kType{.name = "domain-joined",
                              .title = "Domain Joined",
                              .help = "The machine itself is a member of one of these domains, whoever is logged in.",
                              .systems = {OsFamily::kLinux, OsFamily::kWindows, OsFamily::kMacos},
                              .parameters = domains_parameters(),
                              .facts = {keys::kJoinedDomains},
                              .compile = domain_joined_rule::compile};
  return kType;
}

}  // namespace postern::posture::rules
