// os-supported {"margin_days","long_term"}: the maker still mends security holes in this release.
#include <fmt/format.h>

#include "posture/fact_keys.h"
#include "posture/os_support.h"
#include "posture/rules/conditions.h"
#include "posture/rules/timing.h"

namespace postern::posture::rules {
namespace os_supported_rule {
namespace {

constexpr Reason kSupported{"os_supported", "the release is supported long enough"};
constexpr Reason kEnded{"os_support_ended", "the release's support has ended, or ends too soon"};
constexpr Reason kNotKnown{"release_not_known", "nobody says until when this release is supported"};

class Supported final : public Condition {
 public:
  Supported(std::int64_t margin_days, bool long_term, OsFamily os)
      : margin_(days(margin_days)), margin_days_(margin_days), long_term_(long_term), os_(os) {
    keys_ = {std::string(os == OsFamily::kWindows ? keys::kOsName : keys::kOsId), std::string(keys::kOsVersionId),
             std::string(keys::kSupportEnd)};
  }

  Judgement judge(const FactView& facts) const override {
    const Reason* why = nullptr;
    const auto* own = read<std::int64_t>(facts, keys::kSupportEnd, why);
    std::optional<WallTime> end;
    if (own != nullptr && *own > 0) {  // what the system says of itself goes first
      end = from_unix_ms(*own);
    } else {
      const auto* version = read<std::string>(facts, keys::kOsVersionId, why);
      const auto* name = read<std::string>(facts, keys_.front(), why);
      if (version == nullptr || name == nullptr) return {Verdict::kUnknown, why};
      if (const auto support = os_support(system(*name), *version))
        end = long_term_ ? support->long_term : support->ends;
    }
    if (!end) return {Verdict::kUnknown, &kNotKnown};
    const WallTime until = *end - Millis(margin_);
    if (facts.now().wall >= until) return {Verdict::kNoMatch, &kEnded};
    facts.holds_until(until);
    return {Verdict::kMatch, &kSupported};
  }

  std::string describe() const override {
    std::string text = long_term_ ? "the operating system's release has security support, long-term support included"
                                  : "the operating system's release has security support";
    if (margin_days_ > 0) text += fmt::format(", for {} more at least", count_of(margin_days_, "day"));
    return text;
  }
  bool timed() const override { return true; }

 private:
  std::string_view system(std::string_view name) const {
    if (os_ == OsFamily::kWindows) return name.find("Server") == name.npos ? "windows" : "windows-server";
    return os_ == OsFamily::kMacos ? "macos" : name;
  }

  Seconds margin_;
  std::int64_t margin_days_;
  bool long_term_;
  OsFamily os_;
};

Result<std::unique_ptr<const Condition>> compile(const Parameters& parameters, OsFamily os) {
  return std::make_unique<Supported>(integer_of(parameters, "margin_days", 0), flag_of(parameters, "long_term", false),
                                     os);
}

}  // namespace
}  // namespace os_supported_rule

const RuleType& os_supported() {
  static const RuleType kType{
      .name = "os-supported",
      .title = "OS Supported",
      .help =
          "The end of security support of the operating system's release has not passed: as the system itself says, "
          "else "
          "by a table of Debian, Ubuntu, Alpine, Rocky, Alma, Red Hat, CentOS, Fedora, openSUSE Leap, Windows (Home "
          "and "
          "Pro) and macOS (the newest three).",
      .systems = {OsFamily::kLinux, OsFamily::kWindows, OsFamily::kMacos},
      .parameters = {days_parameter("margin_days",
                                    "Days, 1 to 3650: it must be supported for so much longer; 0 if not given."),
                     {.name = "long_term",
                      .type = ParameterSpec::Type::kBoolean,
                      .help = "Debian's long-term support counts too; false if not given."}},
      .facts = {keys::kSupportEnd, keys::kOsId, keys::kOsName, keys::kOsVersionId},
      .unknown = "Also where the system doesn't say and the table doesn't have the release.",
      .compile = os_supported_rule::compile};
  return kType;
}

}  // namespace postern::posture::rules
