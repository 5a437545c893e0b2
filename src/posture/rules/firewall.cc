// firewall {"enabled","products","default_deny"}: the endpoint's own firewall is active, and how.
#include <fmt/format.h>

#include "posture/fact_keys.h"
#include "posture/rules/conditions.h"

namespace postern::posture::rules {
namespace firewall_rule {
namespace {

constexpr Reason kOn{"firewall_on", "a firewall is active"};
constexpr Reason kOff{"firewall_off", "no firewall is active"};
constexpr Reason kProduct{"firewall_product_active", "a firewall that counts is active"};
constexpr Reason kOtherProduct{"firewall_product_missing", "no firewall that counts is active"};
constexpr Reason kDenies{"firewall_denies_by_default", "what nothing allows in is dropped"};
constexpr Reason kAllows{"firewall_allows_by_default", "what nothing forbids is let in"};

Result<std::unique_ptr<const Condition>> compile(const Parameters& parameters, OsFamily) {
  const auto& products = list_of(parameters, "products");
  Conditions parts;
  if (flag_of(parameters, "enabled", true))
    parts.push_back(flag(std::string(keys::kFeatureFirewall), kOn, kOff, "a firewall is active"));
  if (!products.empty()) {
    parts.push_back(holds_one_of(std::string(keys::kFirewallProducts), products, kProduct, kOtherProduct,
                                 fmt::format("{} is active", in_words(products, Match::kAny))));
  }
  if (flag_of(parameters, "default_deny", false))
    parts.push_back(
        flag(std::string(keys::kFirewallDefaultDeny), kDenies, kAllows, "what nothing allows in is dropped"));
  if (parts.empty()) {
    return invalid(
        "enabled: false leaves nothing to demand; give products or default_deny, or demand no firewall by negate");
  }
  return joined(Match::kAll, std::move(parts));
}

}  // namespace
}  // namespace firewall_rule

const RuleType& firewall() {
  static const RuleType kType{
      .name = "firewall",
      .title = "Firewall",
      .help = "The endpoint's own firewall is active; one of these products; drops what nothing allows: each as asked.",
      .systems = {OsFamily::kLinux, OsFamily::kWindows, OsFamily::kMacos},
      .parameters =
          {{.name = "enabled",
            .type = ParameterSpec::Type::kBoolean,
            .help = "A firewall must be active; true if not given."},
           {.name = "products",
            .type = ParameterSpec::Type::kTexts,
            .help = "One of these must be active: nftables, ufw, firewalld."},
           {.name = "default_deny",
            .type = ParameterSpec::Type::kBoolean,
            .help = "What nothing allows in must be dropped; false if not given. A rule that lets in all that comes by "
                    "an interface, or all of TCP, is no exception to that but its end."}},
      .facts = {keys::kFeatureFirewall, keys::kFirewallProducts, keys::kFirewallDefaultDeny},
      .unknown = "No match if one of them is known not to hold.",
      .compile = firewall_rule::compile};
  return kType;
}

}  // namespace postern::posture::rules
