// sandbox-detection {"within_days"}: malware was found on the endpoint not long ago.
#include "posture/fact_keys.h"
#include "posture/rules/reading.h"
#include "posture/rules/timing.h"

namespace postern::posture::rules {
namespace sandbox_detection_rule {
namespace {

constexpr Reason kFound{"malware_found", "malware was found on the endpoint not long ago"};
constexpr Reason kLongAgo{"malware_long_ago", "no malware was found on the endpoint for long enough"};
constexpr Reason kNever{"no_malware", "no malware was ever found on the endpoint"};
constexpr std::int64_t kOtherwise = 7;

class MalwareFound final : public Condition {
 public:
  explicit MalwareFound(std::int64_t days) : days_(days) { keys_ = {std::string(keys::kMalwareAt)}; }
  Judgement judge(const FactView& facts) const override {
    const Reason* why = nullptr;
    const auto* at = read_time(facts, keys::kMalwareAt, why);
    if (at == nullptr) return {Verdict::kUnknown, why};
    if (*at == 0) return {Verdict::kNoMatch, &kNever};
    const bool recent = is_within(facts, *at, std::chrono::hours(24 * days_));
    return {verdict_of(recent), recent ? &kFound : &kLongAgo};
  }
  std::string describe() const override {
    return "malware was found on the endpoint within the last " + count_of(days_, "day");
  }
  bool timed() const override { return true; }

 private:
  std::int64_t days_;
};

Result<std::unique_ptr<const Condition>> compile(const Parameters& parameters, OsFamily) {
  return std::make_unique<MalwareFound>(integer_of(parameters, "within_days", kOtherwise));
}

}  // namespace
}  // namespace sandbox_detection_rule

const RuleType& sandbox_detection() {
  static const RuleType kType{.name = "sandbox-detection",
                              .title = "Sandbox Detection",
                              .help = "Malware was found on the endpoint within the last days.",
                              .systems = {OsFamily::kLinux, OsFamily::kWindows, OsFamily::kMacos},
                              .parameters = {{.name = "within_days",
                                              .type = ParameterSpec::Type::kInteger,
                                              .min = 1,
                                              .max = 3650,
                                              .help = "In days of 24 hours; 7 if not given."}},
                              .facts = {keys::kMalwareAt},
                              .compile = sandbox_detection_rule::compile};
  return kType;
}

}  // namespace postern::posture::rules
