// pending-security-updates {"max","lists_within_days"}: no more security updates wait to be installed than that.
#include <fmt/format.h>

#include "posture/fact_keys.h"
#include "posture/rules/conditions.h"
#include "posture/rules/timing.h"

namespace postern::posture::rules {
namespace pending_security_updates_rule {
namespace {

constexpr Reason kFew{"security_updates_within", "no more security updates are pending than allowed"};
constexpr Reason kMany{"security_updates_pending", "more security updates are pending than allowed"};
constexpr Reason kListsRecent{"update_lists_recent", "the lists of updates are recent enough"};
constexpr Reason kListsOld{"update_lists_old", "the lists of updates are too old to say that no more are pending"};
constexpr Reason kNoLists{"update_lists_missing", "there are no lists of updates"};

constexpr std::int64_t kMostUpdates = 100'000;
constexpr std::int64_t kListsWithinDays = 7;

class FewPending final : public Condition {
 public:
  FewPending(std::int64_t max, std::int64_t within_days) : max_(max), within_days_(within_days) {
    const std::string text = fmt::format("lists of updates are of the last {}", count_of(within_days, "day"));
    lists_ = recent(std::string(keys::kSecurityListsAt), days(within_days), {kListsRecent, kListsOld, kNoLists}, text);
    keys_ = {std::string(keys::kSecurityPending), std::string(keys::kSecurityListsAt)};
  }

  Judgement judge(const FactView& facts) const override {
    const Reason* why = nullptr;
    const auto* pending = read<std::int64_t>(facts, keys::kSecurityPending, why);
    if (pending == nullptr) return {Verdict::kUnknown, why};
    // Old lists name too few, never too many.
    if (*pending > max_) return {Verdict::kNoMatch, &kMany};
    const Judgement lists = lists_->judge(facts);
    if (lists.verdict != Verdict::kMatch) return {Verdict::kUnknown, lists.reason};
    return {Verdict::kMatch, &kFew};
  }
  std::string describe() const override {
    return fmt::format("at most {} pending, by lists of the last {}",
                       max_ == 1 ? "1 security update is" : fmt::format("{} security updates are", max_),
                       count_of(within_days_, "day"));
  }
  bool timed() const override { return true; }

 private:
  std::int64_t max_, within_days_;
  std::unique_ptr<const Condition> lists_;
};

Result<std::unique_ptr<const Condition>> compile(const Parameters& parameters, OsFamily) {
  return std::make_unique<FewPending>(integer_of(parameters, "max", 0),
                                      integer_of(parameters, "lists_within_days", kListsWithinDays));
}

}  // namespace
}  // namespace pending_security_updates_rule

const RuleType& pending_security_updates() {
  static const RuleType kType{
      .name = "pending-security-updates",
      .title = "Pending Security Updates",
      .help =
          "No more installed packages than `max` are older than what the distribution's security archive offers, "
          "whether they are held or not.",
      .systems = {OsFamily::kLinux, OsFamily::kWindows, OsFamily::kMacos},
      .parameters = {{.name = "max",
                      .type = ParameterSpec::Type::kInteger,
                      .required = true,
                      .min = 0,
                      .max = pending_security_updates_rule::kMostUpdates,
                      .help = "How many there may be."},
                     days_parameter(
                         "lists_within_days",
                         "Days, 1 to 3650: how old the archive's list may be that the endpoint fetched last, by the "
                         "date that the archive wrote into it; 7 if not given.")},
      .facts = {keys::kSecurityPending, keys::kSecurityListsAt},
      .unknown =
          "Also where few are pending by lists that are too old, as those of a release that is no longer supported are, or "
          "dated more than a day ahead. Too many are no match whatever the lists' age. Of Linux, Debian, Ubuntu and what "
          "is made of them tell it; of others ask for `vulnerable-devices`.",
      .compile = pending_security_updates_rule::compile};
  return kType;
}

}  // namespace postern::posture::rules
