// on-fabric-status {}: the endpoint is where the on-fabric detection sets say.
#include "posture/fact_keys.h"
#include "posture/rules/reading.h"

namespace postern::posture::rules {
namespace on_fabric_status_rule {
namespace {

constexpr Reason kOn{"on_fabric", "the endpoint is on-fabric"};
constexpr Reason kOff{"off_fabric", "the endpoint is off-fabric"};

Result<std::unique_ptr<const Condition>> compile(const Parameters&, OsFamily) {
  return std::make_unique<FlagCondition>(std::string(keys::kEmsOnFabric), kOn, kOff, "the endpoint is on-fabric");
}

}  // namespace
}  // namespace on_fabric_status_rule

const RuleType& on_fabric_status() {
  static const RuleType kType{.name = "on-fabric-status",
                              .title = "On-Fabric Status",
                              .help = "The endpoint is on-fabric by the detection sets of its profile; with negate: off-fabric.",
                              .systems = {kAllOsFamilies.begin(), kAllOsFamilies.end()},
                              .parameters = {},
                              .facts = {keys::kEmsOnFabric},
                              .unknown = "Also while what a detection set asks for is unknown and nothing else decides.",
                              .compile = on_fabric_status_rule::compile};
  return kType;
}

}  // namespace postern::posture::rules
