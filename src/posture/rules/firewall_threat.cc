// firewall-threat {"ids","match"}: threats that the endpoint's firewall saw.
#include <fmt/format.h>

#include <algorithm>

#include "posture/fact_keys.h"
#include "posture/quote.h"
#include "posture/rules/listing.h"

namespace postern::posture::rules {
namespace firewall_threat_rule {
namespace {

constexpr Reason kSeen{"threat_seen", "the endpoint's firewall saw the threat"};
constexpr Reason kNotSeen{"threat_not_seen", "the endpoint's firewall did not see the threat"};
constexpr Match kOtherwise = Match::kAny;

Result<std::unique_ptr<const Condition>> compile(const Parameters& parameters, OsFamily) {
  const auto& ids = list_of(parameters, "ids");
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (std::all_of(ids[i].begin(), ids[i].end(), [](char c) { return c >= '0' && c <= '9'; })) continue;
    return invalid(fmt::format("ids[{}]: {} is no threat's id; it is a number, such as 54321", i, posture::quoted(ids[i])));
  }
  const Match match = match_of(parameters, kOtherwise);
  return std::make_unique<ListCondition>(
      keys::kFirewallThreats, ids, match, [](std::string_view a, std::string_view b) { return a == b; }, kSeen, kNotSeen,
      "its firewall saw threat " + in_words(ids, match));
}

}  // namespace
}  // namespace firewall_threat_rule

const RuleType& firewall_threat() {
  static const RuleType kType{.name = "firewall-threat",
                              .title = "Firewall Threat",
                              .help = "The endpoint's own firewall saw these threats.",
                              .systems = {OsFamily::kWindows, OsFamily::kMacos},
                              .parameters = {{.name = "ids",
                                              .type = ParameterSpec::Type::kTexts,
                                              .required = true,
                                              .max_bytes = 20,
                                              .help = "Numbers of threats, such as 54321."},
                                             match_parameter(firewall_threat_rule::kOtherwise)},
                              .facts = {keys::kFirewallThreats},
                              .compile = firewall_threat_rule::compile};
  return kType;
}

}  // namespace postern::posture::rules
