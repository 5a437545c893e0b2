// kernel-version {"op","version"}: the release of the running kernel, by comparison.
#include <fmt/format.h>

#include <algorithm>

#include "posture/fact_keys.h"
#include "posture/quote.h"
#include "posture/rules/comparing.h"
#include "posture/rules/reading.h"
#include "posture/rules/version_number.h"

namespace postern::posture::rules {
namespace kernel_version_rule {
namespace {

constexpr Reason kHolds{"kernel_version_matches", "the running kernel's version is as demanded"};
constexpr Reason kDiffers{"kernel_version_differs", "the running kernel's version is not as demanded"};
constexpr Reason kNotComparable{"version_not_comparable", "the running kernel's release begins with no number"};

class KernelVersion final : public Condition {
 public:
  KernelVersion(Comparison comparison, VersionNumber version, std::string text)
      : comparison_(comparison), version_(std::move(version)), text_(std::move(text)) {
    keys_ = {std::string(keys::kKernelRelease)};
  }

  Judgement judge(const FactView& facts) const override {
    const Reason* why = nullptr;
    const auto* release = read<std::string>(facts, keys::kKernelRelease, why);
    if (release == nullptr) return {Verdict::kUnknown, why};
    const auto order = version_.compare_to_release(*release);
    if (!order) return {Verdict::kUnknown, &kNotComparable};
    return satisfies(comparison_, *order) ? Judgement{Verdict::kMatch, &kHolds}
                                          : Judgement{Verdict::kNoMatch, &kDiffers};
  }

  std::string describe() const override { return text_; }

 private:
  Comparison comparison_;
  VersionNumber version_;
  std::string text_;
};

Result<std::unique_ptr<const Condition>> compile(const Parameters& parameters, OsFamily) {
  const std::string_view written = text_of(parameters, "version");
  std::string dotted(written);
  std::replace(dotted.begin(), dotted.end(), '-', '.');
  auto version = VersionNumber::parse(dotted);
  if (!version) {
    return invalid(fmt::format("version: {} must be numbers separated by dots or hyphens, such as 6.1 or 6.1.0-37",
                               posture::quoted(written)));
  }
  const std::string_view op = text_of(parameters, "op");
  return std::make_unique<KernelVersion>(*parse_comparison(op), std::move(*version),
                                         fmt::format("the running kernel's version is {} {}", op, written));
}

}  // namespace
}  // namespace kernel_version_rule

const RuleType& kernel_version() {
  static const RuleType kType{
      .name = "kernel-version",
      .title = "Kernel Version",
      .help =
          "The running kernel's release, compared number by number at the precision of the version given: "
          "6.1.0-37-amd64 is 6.1.0.37, = 6.1 and not > 6.1; 6.12-rc3 and 6.12.0-rc3 are < 6.12.",
      .systems = {OsFamily::kLinux, OsFamily::kWindows, OsFamily::kMacos, OsFamily::kAndroid},
      .parameters = {{.name = "op",
                      .required = true,
                      .choices = {kComparisons.begin(), kComparisons.end()},
                      .help = "How the release compares."},
                     {.name = "version",
                      .required = true,
                      .max_bytes = 80,
                      .help = "Numbers separated by dots or hyphens, such as 6.1 or 6.1.0-37."}},
      .facts = {keys::kKernelRelease},
      .unknown = "Also where the release begins with no number.",
      .compile = kernel_version_rule::compile};
  return kType;
}

}  // namespace postern::posture::rules
