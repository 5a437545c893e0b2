// cve {"cves","match"}: named vulnerabilities are open.
#include <fmt/format.h>

#include <algorithm>

#include "posture/fact_keys.h"
#include "posture/quote.h"
#include "posture/rules/reading.h"

namespace postern::posture::rules {
namespace cve_rule {
namespace {

constexpr Reason kOpen{"cve_open", "the named vulnerability is open"};
constexpr Reason kNotOpen{"cve_not_open", "the named vulnerability is not open"};
constexpr Match kOtherwise = Match::kAny;

bool digits(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// "CVE-2024-1234": the year and at least four digits, as MITRE numbers them.
bool cve_id(std::string_view text) {
  constexpr std::string_view kPrefix = "CVE-";
  if (!text.starts_with(kPrefix)) return false;
  text.remove_prefix(kPrefix.size());
  if (text.size() < 9 || text.size() > 24 || text[4] != '-') return false;
  return text.substr(0, 4) >= "1999" && digits(text.substr(0, 4)) && digits(text.substr(5));
}

Result<std::unique_ptr<const Condition>> compile(const Parameters& parameters, OsFamily) {
  const auto& cves = list_of(parameters, "cves");
  std::vector<std::string> keys;
  for (std::size_t i = 0; i < cves.size(); ++i) {
    if (!cve_id(cves[i])) {
      return invalid(fmt::format("cves[{}]: {} is no CVE's number; write it as CVE-2024-12345", i,
                                 posture::quoted(cves[i])));
    }
    keys.push_back(posture::keys::with(posture::keys::kEmsVulnCve, cves[i]));
  }
  const Match match = match_of(parameters, kOtherwise);
  return flags_condition(keys, match, kOpen, kNotOpen,
                         in_words(cves, match) + (match == Match::kAll && cves.size() > 1 ? " are open" : " is open"));
}

}  // namespace
}  // namespace cve_rule

const RuleType& cve() {
  static const RuleType kType{.name = "cve",
                              .title = "CVE",
                              .help = "The endpoint has one of these vulnerabilities, found by its packages and not "
                                      "accepted as a risk.",
                              .systems = {OsFamily::kLinux, OsFamily::kWindows, OsFamily::kMacos},
                              .parameters = {{.name = "cves",
                                              .type = ParameterSpec::Type::kTexts,
                                              .required = true,
                                              .max_bytes = 32,
                                              .help = "CVE numbers, such as CVE-2024-3094."},
                                             match_parameter(cve_rule::kOtherwise)},
                              .facts = {"ems.vuln_cve:<CVE>"},
                              .compile = cve_rule::compile};
  return kType;
}

}  // namespace postern::posture::rules
