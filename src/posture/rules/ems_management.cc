// ems-management {}: the agent is installed, registered, and its telemetry is connected.
#include "posture/fact_keys.h"
#include "posture/rules/reading.h"

namespace postern::posture::rules {
namespace {

constexpr Reason kManaged{"managed", "the endpoint is registered and its telemetry is connected"};
constexpr Reason kNotConnected{"telemetry_not_connected",
                               "the endpoint's telemetry is not connected"};

class EmsManagement final : public Condition {
 public:
  EmsManagement() { keys_ = {std::string(keys::kEmsOnline), std::string(keys::kEmsRegistered)}; }

  Judgement judge(const FactView& facts) const override {
    const Reason* why_registered = nullptr;
    const Reason* why_online = nullptr;
    const bool* registered = read<bool>(facts, keys::kEmsRegistered, why_registered);
    const bool* online = read<bool>(facts, keys::kEmsOnline, why_online);
    // One that is known to be false decides, whatever the other is.
    if (registered != nullptr && !*registered) return {Verdict::kNoMatch, &kNotRegistered};
    if (online != nullptr && !*online) return {Verdict::kNoMatch, &kNotConnected};
    if (registered == nullptr) return {Verdict::kUnknown, why_registered};
    if (online == nullptr) return {Verdict::kUnknown, why_online};
    return {Verdict::kMatch, &kManaged};
  }

  std::string describe() const override {
    return "the agent is registered and its telemetry is connected";
  }
};

Result<std::unique_ptr<const Condition>> compile_ems_management(const Parameters&, OsFamily) {
  return std::make_unique<EmsManagement>();
}

}  // namespace

const RuleType& ems_management() {
  static const RuleType kType{
      .name = "ems-management",
      .title = "EMS Management",
      .help = "The agent is installed and registered, and its telemetry is connected.",
      .systems = {kAllOsFamilies.begin(), kAllOsFamilies.end()},
      .parameters = {},
      .facts = {keys::kEmsRegistered, keys::kEmsOnline},
      .unknown = "No match if one of both is known to be false.",
      .compile = compile_ems_management};
  return kType;
}

}  // namespace postern::posture::rules
