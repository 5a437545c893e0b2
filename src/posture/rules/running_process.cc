// running-process {"processes"}: processes of these names run.
#include <fmt/format.h>

#include "posture/fact_keys.h"
#include "posture/quote.h"
#include "posture/rules/reading.h"
#include "posture/rules/registry.h"

namespace postern::posture::rules {
namespace {

constexpr Reason kRunning{"process_running", "what must run does"};
constexpr Reason kNotRunning{"process_not_running", "what must run does not"};
constexpr Match kAllProcesses = Match::kAll;

class RunningProcess final : public Condition {
 public:
  RunningProcess(const std::vector<std::string>& names, Match match)
      : names_(names), match_(match) {
    for (const std::string& name : names) {
      keys_.push_back(keys::process_running(name));
      probes_.push_back({Probe::Kind::kProcess, name});
    }
  }

  Judgement judge(const FactView& facts) const override {
    return judge_booleans(facts, keys_, match_, kRunning, kNotRunning);
  }

  std::string describe() const override {
    const bool many = match_ == Match::kAll && names_.size() > 1;
    return in_words(names_, match_) + (many ? " are running" : " is running");
  }

 private:
  std::vector<std::string> names_;
  Match match_;
};

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
  return std::make_unique<RunningProcess>(names, match_of(parameters, kAllProcesses));
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
