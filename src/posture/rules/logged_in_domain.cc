// logged-in-domain {"domains","match"}: a user who is logged in belongs to the domain.
#include "posture/fact_keys.h"
#include "posture/rules/domain_name.h"
#include "posture/rules/listing.h"

namespace postern::posture::rules {
namespace logged_in_domain_rule {
namespace {

constexpr Reason kIn{"user_in_domain", "a user who is logged in belongs to the domain"};
constexpr Reason kNotIn{"no_user_in_domain", "nobody who is logged in belongs to the domain"};
constexpr Match kOtherwise = Match::kAny;

Result<std::unique_ptr<const Condition>> compile(const Parameters& parameters, OsFamily) {
  const auto& domains = list_of(parameters, "domains");
  if (Status ok = check_domains(domains); !ok) return fail(ok.error());
  const Match match = match_of(parameters, kOtherwise);
  return std::make_unique<ListCondition>(keys::kUserDomains, domains, match, same_domain, kIn, kNotIn,
                                         "a logged-in user belongs to " + in_words(domains, match));
}

}  // namespace
}  // namespace logged_in_domain_rule

const RuleType& logged_in_domain() {
  static const RuleType kType{.name = "logged-in-domain",
                              .title = "Logged-in Domain",
                              .help = "A user who is logged in belongs to one of these domains.",
                              .systems = {OsFamily::kLinux, OsFamily::kWindows, OsFamily::kMacos},
                              .parameters = {{.name = "domains",
                                              .type = ParameterSpec::Type::kTexts,
                                              .required = true,
                                              .help = "Domains as endpoints report them: example.org or EXAMPLE; case is "
                                                      "ignored."},
                                             match_parameter(logged_in_domain_rule::kOtherwise)},
                              .facts = {keys::kUserDomains},
                              .compile = logged_in_domain_rule::compile};
  return kType;
}

}  // namespace postern::posture::rules
