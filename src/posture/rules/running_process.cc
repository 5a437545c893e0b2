// running-process {"processes","sha256","signer"}: processes of these names or paths run.
#include <fmt/format.h>

#include "base/text.h"
#include "posture/quote.h"
#include "posture/rules/executables.h"

namespace postern::posture::rules {
namespace running_process_rule {
namespace {

constexpr Reason kRunning{"process_running", "what must run does"};
constexpr Match kOtherwise = Match::kAll;

Result<std::unique_ptr<const Condition>> compile(const Parameters& parameters, OsFamily os) {
  const auto& names = list_of(parameters, "processes");
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (Status ok = check_process(fmt::format("processes[{}]", i), names[i], os); !ok) return fail(ok.error());
  }
  const std::string signer(text_of(parameters, "signer"));
  if (!signer.empty() && os == OsFamily::kLinux) {
    return invalid(fmt::format("signer: {} can't be asked of Linux, whose programs carry no signature; give sha256",
                               posture::quoted(signer)));
  }
  std::vector<std::string> digests;
  if (Status ok = check_sha256("sha256", list_of(parameters, "sha256")); !ok) return fail(ok.error());
  for (const std::string& digest : list_of(parameters, "sha256")) digests.push_back(to_lower(digest));
  const Match match = match_of(parameters, kOtherwise);
  if (digests.empty() && signer.empty()) {
    std::vector<std::string> running;
    for (const std::string& name : names) running.push_back(keys::process_running(name));
    const bool several = match == Match::kAll && names.size() > 1;
    return flags_condition(running, match, kRunning, kRunsNot,
                           in_words(names, match) + (several ? " are running" : " is running"));
  }
  Conditions parts;
  for (const std::string& name : names) {
    Conditions demands;
    if (!digests.empty()) demands.push_back(digests_allowed(name, digests));
    if (!signer.empty()) demands.push_back(signed_by(name, signer));
    parts.push_back(joined(Match::kAll, std::move(demands)));
  }
  return joined(match, std::move(parts));
}

}  // namespace
}  // namespace running_process_rule

const RuleType& running_process() {
  static const RuleType kType{
      .name = "running-process",
      .title = "Running Process",
      .help =
          "Processes of these names or paths run. With digests or a signer, everything that runs under the name must "
          "have them.",
      .systems = {OsFamily::kLinux, OsFamily::kWindows, OsFamily::kMacos},
      .parameters = {{.name = "processes",
                      .type = ParameterSpec::Type::kTexts,
                      .required = true,
                      .help = "Names such as sshd, or absolute paths of executables such as /usr/sbin/sshd."},
                     {.name = "sha256",
                      .type = ParameterSpec::Type::kTexts,
                      .max_bytes = 64,
                      .help = "SHA-256 digests (64 hex digits) that their executables may have."},
                     {.name = "signer", .help = "Who must have signed their executables (Windows and macOS)."},
                     match_parameter(running_process_rule::kOtherwise)},
      .facts = {"process.running:<name or path>", "process.sha256:<name or path>", "process.signers:<name or path>"},
      .compile = running_process_rule::compile};
  return kType;
}

}  // namespace postern::posture::rules
