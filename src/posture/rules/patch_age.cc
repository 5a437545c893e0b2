// patch-age {"max_days","of"}: how long ago updates were installed, or looked for.
#include <fmt/format.h>

#include "posture/fact_keys.h"
#include "posture/rules/conditions.h"
#include "posture/rules/timing.h"

namespace postern::posture::rules {
namespace patch_age_rule {
namespace {

constexpr Reason kRecent{"patched_recently", "updates were installed recently enough"};
constexpr Reason kOld{"patched_too_long_ago", "updates were last installed too long ago"};
constexpr Reason kNever{"never_patched", "no update was ever installed"};
constexpr Reason kCheckedRecently{"updates_checked_recently", "updates were looked for recently enough"};
constexpr Reason kCheckedLongAgo{"updates_checked_too_long_ago", "updates were last looked for too long ago"};
constexpr Reason kNeverChecked{"updates_never_checked", "updates were never looked for"};

Result<std::unique_ptr<const Condition>> compile(const Parameters& parameters, OsFamily) {
  const std::int64_t max_days = integer_of(parameters, "max_days", 0);
  const std::string span = count_of(max_days, "day");
  if (text_of(parameters, "of") == "checked") {
    return recent(std::string(keys::kUpdateCheckedAt), days(max_days),
                  {kCheckedRecently, kCheckedLongAgo, kNeverChecked},
                  fmt::format("updates were looked for within the last {}", span));
  }
  return recent(std::string(keys::kUpdatedAt), days(max_days), {kRecent, kOld, kNever},
                fmt::format("updates were installed within the last {}", span));
}

}  // namespace
}  // namespace patch_age_rule

const RuleType& patch_age() {
  static const RuleType kType{
      .name = "patch-age",
      .title = "Patch Age",
      .help =
          "Updates were installed, or looked for, no longer ago than this. 60 days ago is within 60 days. One package "
          "that "
          "was brought up to date is enough: that no update waits, this doesn't say.",
      .systems = {OsFamily::kLinux, OsFamily::kWindows, OsFamily::kMacos},
      .parameters = {days_parameter("max_days", "Days, 1 to 3650.", true),
                     {.name = "of",
                      .choices = {"installed", "checked"},
                      .help =
                          "What must be recent: that updates were installed (if not given), or that lists of updates "
                          "were fetched."}},
      .facts = {keys::kUpdatedAt, keys::kUpdateCheckedAt},
      .unknown =
          "Also where the time that was reported lies more than a day ahead; of installed also where no package "
          "manager logs "
          "what it brought up to date (apk, zypper where there are no patches, rpm without dnf's log).",
      .compile = patch_age_rule::compile};
  return kType;
}

}  // namespace postern::posture::rules
