// quarantined {}: an administrator put the endpoint into quarantine.
#include "posture/fact_keys.h"
#include "posture/rules/reading.h"

namespace postern::posture::rules {
namespace quarantined_rule {
namespace {

constexpr Reason kIs{"quarantined", "the endpoint is in quarantine"};
constexpr Reason kIsNot{"not_quarantined", "the endpoint is not in quarantine"};

Result<std::unique_ptr<const Condition>> compile(const Parameters&, OsFamily) {
  return std::make_unique<FlagCondition>(std::string(keys::kEmsQuarantined), kIs, kIsNot, "the endpoint is in quarantine");
}

}  // namespace
}  // namespace quarantined_rule

const RuleType& quarantined() {
  static const RuleType kType{.name = "quarantined",
                              .title = "Quarantined",
                              .help = "An administrator put the endpoint, or a device with its ids, into quarantine. Such "
                                      "an endpoint gets nowhere anyhow; the tag shows it.",
                              .systems = {kAllOsFamilies.begin(), kAllOsFamilies.end()},
                              .parameters = {},
                              .facts = {keys::kEmsQuarantined},
                              .compile = quarantined_rule::compile};
  return kType;
}

}  // namespace postern::posture::rules
