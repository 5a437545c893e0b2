// edr {"products","state"}: endpoint detection and response is there.
#include <fmt/format.h>

#include "posture/fact_keys.h"
#include "posture/rules/conditions.h"

namespace postern::posture::rules {
namespace edr_rule {
namespace {

constexpr Reason kRunning{"edr_running", "an EDR product runs"};
constexpr Reason kNotRunning{"edr_not_running", "an EDR product that must run does not"};
constexpr Reason kInstalled{"edr_installed", "an EDR product is installed"};
constexpr Reason kNotInstalled{"edr_not_installed", "an EDR product that must be installed is not"};
constexpr Match kOtherwise = Match::kAny;

Result<std::unique_ptr<const Condition>> compile(const Parameters& parameters, OsFamily) {
  const auto& products = list_of(parameters, "products");
  const bool installed = text_of(parameters, "state") == "installed";
  const Match match = match_of(parameters, kOtherwise);
  if (products.empty() && parameters.contains("match"))
    return invalid("match: belongs to products; without them any product counts");
  const std::string_view key = installed ? keys::kEdrInstalled : keys::kEdrRunning;
  const std::string_view does = installed ? "is installed" : "runs";
  const auto part = [&](std::vector<std::string> wanted, std::string text) {
    return holds_one_of(std::string(key), std::move(wanted), installed ? kInstalled : kRunning,
                        installed ? kNotInstalled : kNotRunning, std::move(text));
  };
  if (products.empty()) return part({}, fmt::format("an EDR product {}", does));
  if (match == Match::kAny) return part(products, fmt::format("{} {}", in_words(products, match), does));
  Conditions parts;
  for (const std::string& product : products) parts.push_back(part({product}, fmt::format("{} {}", product, does)));
  return joined(match, std::move(parts));
}

}  // namespace
}  // namespace edr_rule

const RuleType& edr() {
  static const RuleType kType{.name = "edr",
                              .title = "EDR",
                              .help = "An endpoint detection and response product runs, or is installed.",
                              .systems = {OsFamily::kLinux, OsFamily::kWindows, OsFamily::kMacos},
                              .parameters = {{.name = "products",
                                              .type = ParameterSpec::Type::kTexts,
                                              .help = "Only these products count; any if not given."},
                                             {.name = "state",
                                              .choices = {"running", "installed"},
                                              .help = "Whether it must run (if not given) or only be installed."},
                                             match_parameter(edr_rule::kOtherwise)},
                              .facts = {keys::kEdrRunning, keys::kEdrInstalled},
                              .compile = edr_rule::compile};
  return kType;
}

}  // namespace postern::posture::rules
