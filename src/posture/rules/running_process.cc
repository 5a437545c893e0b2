// running-process {"processes"}: processes of these names run.
#include <fmt/format.h>

#include "posture/fact_keys.h"
#include "posture/quote.h"
#include "posture/rules/reading.h"

namespace postern::posture::rules {
namespace {

constexpr Reason kRunning{"process_running", "what must run does"};
constexpr Reason kNotRunning{"process_not_running", "what must run does not"};
constexpr Match kAllProcesses = Match::kAll;

Result<std::unique_ptr<const Condition>> compile_running_process(const Parameters& parameters, OsFamily) {
  const auto& names = list_of(parameters, "processes");
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i].find_first_of("/\\") != std::string::npos) {
      return fail(
          ErrorCode::kInvalidArgument,
          fmt::format("processes[{}]: {} is a path; give the process's name alone, such as sshd", i,
                      posture::quoted(names[i])));
    }
  }
  const Match match = match_of(parameters, kAllProcesses);
  std::vector<std::string> keys;
  for (const std::string& name : names) keys.push_back(posture::keys::process_running(name));
  return flags_condition(keys, match, kRunning, kNotRunning,
                         in_words(names, match) + (match == Match::kAll && names.size() > 1 ? " are running" : " is running"));
}

}  // namespace

const RuleType& running_process() {
  static const RuleType kType{
      .name = "running-process",
      .title = "Running Process",
      .help = "Processes of these names run.",
      .systems = {OsFamily::kLinux, OsFamily::kWindows, OsFamily::kMacos},
      .parameters = {{.name = "processes",
                      .type = ParameterSpec::Type::kTexts,
                      .required = true,
                      .help = "Process names without a path, such as sshd."},
                     match_parameter(kAllProcesses)},
      .compile = compile_running_process};
  return kType;
}

}  // namespace postern::posture::rules
