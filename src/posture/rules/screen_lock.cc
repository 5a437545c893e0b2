// screen-lock {"max_seconds"}: the screen locks by itself when nobody is at it.
#include <fmt/format.h>

#include "posture/fact_keys.h"
#include "posture/rules/conditions.h"

namespace postern::posture::rules {
namespace screen_lock_rule {
namespace {

constexpr Reason kOn{"screen_lock_on", "the screen locks by itself"};
constexpr Reason kOff{"screen_lock_off", "the screen doesn't lock by itself"};
constexpr Reason kSoonEnough{"screen_locks_soon_enough", "the screen locks soon enough"};
constexpr Reason kTooLate{"screen_locks_too_late", "the screen locks later than demanded"};

class LocksWithin final : public Condition {
 public:
  explicit LocksWithin(std::int64_t seconds) : seconds_(seconds) { keys_ = {std::string(keys::kScreenLockSeconds)}; }

  Judgement judge(const FactView& facts) const override {
    const Reason* why = nullptr;
    const auto* after = read<std::int64_t>(facts, keys::kScreenLockSeconds, why);
    if (after == nullptr) return {Verdict::kUnknown, why};
    if (*after < 0) return {Verdict::kUnknown, &unknown_reason(facts.find(keys::kScreenLockSeconds))};
    return *after <= seconds_ ? Judgement{Verdict::kMatch, &kSoonEnough} : Judgement{Verdict::kNoMatch, &kTooLate};
  }

  std::string describe() const override {
    return fmt::format("it does so after at most {} seconds without anybody at it", seconds_);
  }

 private:
  std::int64_t seconds_;
};

Result<std::unique_ptr<const Condition>> compile(const Parameters& parameters, OsFamily) {
  Conditions parts;
  parts.push_back(flag(std::string(keys::kScreenLock), kOn, kOff, "the screen locks by itself"));
  if (parameters.contains("max_seconds"))
    parts.push_back(std::make_unique<LocksWithin>(integer_of(parameters, "max_seconds", 0)));
  return joined(Match::kAll, std::move(parts));
}

}  // namespace
}  // namespace screen_lock_rule

const RuleType& screen_lock() {
  static const RuleType kType{
      .name = "screen-lock",
      .title = "Screen Lock",
      .help = "The screen locks by itself when nobody is at it, after a time at the most if one is given.",
      .systems = {OsFamily::kLinux, OsFamily::kWindows, OsFamily::kMacos, OsFamily::kIos, OsFamily::kAndroid},
      .parameters = {{.name = "max_seconds",
                      .type = ParameterSpec::Type::kInteger,
                      .min = 1,
                      .max = 24 * 3600,
                      .help =
                          "Seconds without anybody at it after which it must be locked at the latest, 1 to 86400."}},
      .facts = {keys::kScreenLock, keys::kScreenLockSeconds},
      .unknown =
          "No match if the lock is known to be off. On Linux it is known only where an administrator set it for "
          "everybody and "
          "nobody can set it otherwise for himself.",
      .compile = screen_lock_rule::compile};
  return kType;
}

}  // namespace postern::posture::rules
