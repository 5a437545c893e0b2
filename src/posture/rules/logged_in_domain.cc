// logged-in-domain {"domains","match"}: a user who is logged in belongs to the domain.
#include "posture/fact_keys.h"
#include "posture/rules/domains.h"

namespace postern::posture::rules {
namespace logged_in_domain_rule {
namespace {

constexpr Reason kIn{"user_in_domain", "a user who is logged in belongs to the domain"};
constexpr Reason kNotIn{"no_user_in_domain", "nobody who is logged in belongs to the domain"};

Result<std::unique_ptr<const Condition>> compile(const Parameters& parameters, OsFamily) {
  return compile_domains(parameters, keys::kUserDomains, kIn, kNotIn, "a logged-in user belongs to ");
}

}  // namespace
}  // namespace logged_in_domain_rule

const RuleType& logged_in_domain() {
  static const RuleType kType{.name = "logged-in-domain",
                              .title = "Logged-in Domain",
                              .help = "A user who is logged in belongs to one of these domains.",
                              .systems = {OsFamily::kLinux, OsFamily::kWindows, OsFamily::kMacos},
                              .parameters = domains_parameters(),
                              .facts = {keys::kUserDomains},
                              .compile = logged_in_domain_rule::compile};
  return kType;
}

}  // namespace postern::posture::rules
