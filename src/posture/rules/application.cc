// application {"name","op","version","signer"}: a program runs, of such a version, signed by whom it must be.
#include <fmt/format.h>

#include "posture/quote.h"
#include "posture/rules/executables.h"
#include "posture/rules/installed_versions.h"
#include "posture/rules/version_number.h"

namespace postern::posture::rules {
namespace application_rule {
namespace {

constexpr Reason kHolds{"application_version_matches", "what runs has a version as demanded"};
constexpr Reason kDiffers{"application_version_differs", "what runs has a version that is not as demanded"};
constexpr Reason kRuns{"application_running", "the application runs"};
constexpr Reason kNotComparable{"version_not_comparable", "a version that runs begins with no number"};

class VersionRuns final : public Condition {
 public:
  struct Demand {
    Comparison comparison;
    VersionNumber version;
  };
  VersionRuns(const std::string& name, std::optional<Demand> demand, std::string text)
      : demand_(std::move(demand)), text_(std::move(text)) {
    keys_ = {keys::with(keys::kProcessVersions, name)};
  }

  Judgement judge(const FactView& facts) const override {
    const Reason* why = nullptr;
    const auto* versions = read<std::vector<std::string>>(facts, keys_.front(), why);
    if (versions == nullptr) return {Verdict::kUnknown, why};
    if (versions->empty()) return {Verdict::kNoMatch, &kRunsNot};
    if (!demand_) return {Verdict::kMatch, &kRuns};
    const Verdict verdict = compare_versions(*versions, demand_->comparison, [this](const std::string& version) {
      return demand_->version.compare_to_release(version);
    });
    return {verdict, verdict == Verdict::kMatch ? &kHolds : verdict == Verdict::kNoMatch ? &kDiffers : &kNotComparable};
  }

  std::string describe() const override { return text_; }

 private:
  std::optional<Demand> demand_;
  std::string text_;
};

Result<std::unique_ptr<const Condition>> compile(const Parameters& parameters, OsFamily os) {
  const std::string name(text_of(parameters, "name"));
  if (Status ok = check_process("name", name, os); !ok) return fail(ok.error());
  const std::string signer(text_of(parameters, "signer"));
  if (!signer.empty() && os == OsFamily::kLinux) {
    return invalid(
        fmt::format("signer: {} can't be asked of Linux, whose programs carry no signature", posture::quoted(signer)));
  }
  const std::string_view op = text_of(parameters, "op"), version = text_of(parameters, "version");
  if (op.empty() != version.empty()) {
    return invalid(fmt::format("{}: is missing; a comparison needs op and version", op.empty() ? "op" : "version"));
  }
  Conditions parts;
  if (!version.empty()) {
    auto number = VersionNumber::parse(version);
    if (!number) {
      return invalid(fmt::format("version: {} must be numbers separated by dots, such as 124 or 124.0.6367",
                                 posture::quoted(version)));
    }
    parts.push_back(
        std::make_unique<VersionRuns>(name, VersionRuns::Demand{*parse_comparison(op), std::move(*number)},
                                      fmt::format("{} is running with a version {} {}", name, op, version)));
  } else if (signer.empty()) {
    parts.push_back(std::make_unique<VersionRuns>(name, std::nullopt, name + " is running"));
  }
  if (!signer.empty()) parts.push_back(signed_by(name, signer));
  return joined(Match::kAll, std::move(parts));
}

}  // namespace
}  // namespace application_rule

const RuleType& application() {
  static const RuleType kType{
      .name = "application",
      .title = "Application",
      .help =
          "A program runs, with such a version (numbers compared at the precision given; of several that run the "
          "oldest counts), signed by whom it must be.",
      .systems = {OsFamily::kLinux, OsFamily::kWindows, OsFamily::kMacos},
      .parameters =
          {{.name = "name", .required = true, .help = "A process's name, or the absolute path of its executable."},
           {.name = "op", .choices = {kComparisons.begin(), kComparisons.end()}, .help = "How its version compares."},
           {.name = "version", .max_bytes = 80, .help = "Numbers separated by dots, such as 124.0.6367."},
           {.name = "signer", .help = "Who must have signed what runs (Windows and macOS)."}},
      .facts = {"process.versions:<name or path>", "process.signers:<name or path>"},
      .unknown = "Also where a version that runs begins with no number.",
      .compile = application_rule::compile};
  return kType;
}

}  // namespace postern::posture::rules
