// directory {"paths"}: directories exist.
#include "posture/fact_keys.h"
#include "posture/rules/checks.h"
#include "posture/rules/reading.h"

namespace postern::posture::rules {
namespace directory_rule {
namespace {

constexpr Reason kExists{"directory_exists", "what must exist does"};
constexpr Reason kMissing{"directory_missing", "what must exist does not"};
constexpr Match kOtherwise = Match::kAll;

Result<std::unique_ptr<const Condition>> compile(const Parameters& parameters, OsFamily os) {
  const auto& paths = list_of(parameters, "paths");
  if (Status ok = check_paths("paths", paths, os); !ok) return fail(ok.error());
  const Match match = match_of(parameters, kOtherwise);
  std::vector<std::string> exist;
  for (const std::string& path : paths) exist.push_back(keys::with(keys::kDirectoryExists, path));
  const bool several = match == Match::kAll && paths.size() > 1;
  return flags_condition(exist, match, kExists, kMissing,
                         in_words(paths, match) + (several ? " exist as directories" : " exists as a directory"));
}

}  // namespace
}  // namespace directory_rule

const RuleType& directory() {
  static const RuleType kType{.name = "directory",
                              .title = "Directory",
                              .help = "Directories of these paths exist.",
                              .systems = {OsFamily::kLinux, OsFamily::kWindows, OsFamily::kMacos},
                              .parameters = {paths_parameter(), match_parameter(directory_rule::kOtherwise)},
                              .facts = {"directory.exists:<path>"},
                              .compile = directory_rule::compile};
  return kType;
}

}  // namespace postern::posture::rules
