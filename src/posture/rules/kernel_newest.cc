// kernel-newest {}: what runs is the newest kernel that is installed.
#include "posture/fact_keys.h"
#include "posture/rules/reading.h"

namespace postern::posture::rules {
namespace kernel_newest_rule {
namespace {

constexpr Reason kNewest{"kernel_newest", "the newest installed kernel runs"};
constexpr Reason kOther{"kernel_not_newest", "another kernel runs than the newest that is installed"};

class KernelNewest final : public Condition {
 public:
  KernelNewest() { keys_ = {std::string(keys::kKernelNewest), std::string(keys::kKernelRelease)}; }

  Judgement judge(const FactView& facts) const override {
    const Reason* why = nullptr;
    const auto* running = read<std::string>(facts, keys::kKernelRelease, why);
    if (running == nullptr) return {Verdict::kUnknown, why};
    const auto* newest = read<std::string>(facts, keys::kKernelNewest, why);
    if (newest == nullptr) return {Verdict::kUnknown, why};
    return *running == *newest ? Judgement{Verdict::kMatch, &kNewest} : Judgement{Verdict::kNoMatch, &kOther};
  }

  std::string describe() const override { return "the running kernel is the newest that is installed"; }
};

Result<std::unique_ptr<const Condition>> compile(const Parameters&, OsFamily) {
  return std::make_unique<KernelNewest>();
}

}  // namespace
}  // namespace kernel_newest_rule

const RuleType& kernel_newest() {
  static const RuleType kType{.name = "kernel-newest",
                              .title = "Newest Kernel",
                              .help = "The running kernel is the newest of those that are installed.",
                              .systems = {OsFamily::kLinux},
                              .parameters = {},
                              .facts = {keys::kKernelRelease, keys::kKernelNewest},
                              .compile = kernel_newest_rule::compile};
  return kType;
}

}  // namespace postern::posture::rules
