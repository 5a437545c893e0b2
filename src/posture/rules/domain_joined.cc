// domain-joined {"domains","match"}: the machine is a member of the domain.
#include "posture/fact_keys.h"
#include "posture/rules/domain_name.h"
#include "posture/rules/listing.h"

namespace postern::posture::rules {
namespace domain_joined_rule {
namespace {

constexpr Reason kIn{"domain_joined", "the machine is a member of the domain"};
constexpr Reason kNotIn{"domain_not_joined", "the machine is no member of the domain"};
constexpr Match kOtherwise = Match::kAny;

Result<std::unique_ptr<const Condition>> compile(const Parameters& parameters, OsFamily) {
  const auto& domains = list_of(parameters, "domains");
  if (Status ok = check_domains(domains); !ok) return fail(ok.error());
  const Match match = match_of(parameters, kOtherwise);
  return std::make_unique<ListCondition>(keys::kJoinedDomains, domains, match, same_domain, kIn, kNotIn,
                                         "the machine is a member of " + in_words(domains, match));
}

}  // namespace
}  // namespace domain_joined_rule

const RuleType& domain_joined() {
  static const RuleType kType{.name = "domain-joined",
                              .title = "Domain Joined",
                              .help = "The machine itself is a member of one of these domains, whoever is logged in.",
                              .systems = {OsFamily::kLinux, OsFamily::kWindows, OsFamily::kMacos},
                              .parameters = {{.name = "domains",
                                              .type = ParameterSpec::Type::kTexts,
                                              .required = true,
                                              .help = "Domains as endpoints report them: example.org or EXAMPLE; case is "
                                                      "ignored."},
                                             match_parameter(domain_joined_rule::kOtherwise)},
                              .facts = {keys::kJoinedDomains},
                              .compile = domain_joined_rule::compile};
  return kType;
}

}  // namespace postern::posture::rules
