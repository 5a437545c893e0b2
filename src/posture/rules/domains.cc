#include "posture/rules/domains.h"

#include <fmt/format.h>

#include "posture/quote.h"
#include "posture/rules/listing.h"
#include "posture/text_match.h"

namespace postern::posture::rules {
namespace {

constexpr Match kDomainsOtherwise = Match::kAny;

bool same_domain(std::string_view a, std::string_view b) {
  const auto bare = [](std::string_view name) { return name.ends_with('.') ? name.substr(0, name.size() - 1) : name; };
  return equals_ignoring_case(bare(a), bare(b));
}

Status check_domains(const std::vector<std::string>& domains) {
  for (std::size_t i = 0; i < domains.size(); ++i) {
    if (domains[i].find_first_of(" @\\/*") == std::string::npos && domains[i] != ".") continue;
    return invalid(fmt::format("domains[{}]: {} is no domain's name; write it as example.org or EXAMPLE, as endpoints "
                               "report it",
                               i, posture::quoted(domains[i])));
  }
  return {};
}

}  // namespace

std::vector<ParameterSpec> domains_parameters() {
  return {{.name = "domains",
           .type = ParameterSpec::Type::kTexts,
           .required = true,
           .help = "Domains as endpoints report them: example.org or EXAMPLE; case is ignored."},
          match_parameter(kDomainsOtherwise)};
}

Result<std::unique_ptr<const Condition>> compile_domains(const Parameters& parameters, std::string_view fact,
                                                         const Reason& in, const Reason& not_in,
                                                         std::string_view words) {
  const auto& domains = list_of(parameters, "domains");
  if (Status ok = check_domains(domains); !ok) return fail(ok.error());
  const Match match = match_of(parameters, kDomainsOtherwise);
  return std::make_unique<ListCondition>(fact, domains, match, same_domain, in, not_in,
                                         std::string(words) + in_words(domains, match));
}

}  // namespace postern::posture::rules
