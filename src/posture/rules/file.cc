// file {"paths"}: regular files exist.
#include <fmt/format.h>

#include "base/text.h"
#include "posture/fact_keys.h"
#include "posture/quote.h"
#include "posture/rules/reading.h"

namespace postern::posture::rules {
namespace {

constexpr Reason kExists{"file_exists", "what must exist does"};
constexpr Reason kMissing{"file_missing", "what must exist does not"};
constexpr Match kAllFiles = Match::kAll;
constexpr std::size_t kMaxPath =
    480;  // its fact's key must fit into the 512 bytes of wire::Fact.key

/// One file has one spelling, so that it has one fact: absolute, without ".", "..", "//" or a slash
/// at the end.
bool plain_unix_path(std::string_view path) {
  if (path.size() < 2 || path.front() != '/') return false;
  const auto parts = split(path.substr(1), '/');
  for (const std::string_view part : parts) {
    if (part.empty() || part == "." || part == "..") return false;
  }
  return true;
}

bool windows_path(std::string_view path) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  const bool drive = path.size() > 3 && letter(path[0]) && path[1] == ':' && path[2] == '\\';
  const bool variable = path.front() == '%' && path.find('%', 1) != path.npos;
  return (drive || variable) && path.back() != '\\';
}

Result<std::unique_ptr<const Condition>> compile_file(const Parameters& parameters, OsFamily os) {
  const auto& paths = list_of(parameters, "paths");
  for (std::size_t i = 0; i < paths.size(); ++i) {
    if (os == OsFamily::kWindows ? windows_path(paths[i]) : plain_unix_path(paths[i])) continue;
    const std::string_view allowed =
        os == OsFamily::kWindows
            ? R"(an absolute path such as C:\ProgramData\x or %ProgramData%\x)"
            : R"(an absolute path such as /etc/x, without ".", "..", "//" or "/" at the end)";
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("paths[{}]: {} must be {}", i, posture::quoted(paths[i]), allowed));
  }
  const Match match = match_of(parameters, kAllFiles);
  std::vector<std::string> keys;
  for (const std::string& path : paths) keys.push_back(posture::keys::file_exists(path));
  return flags_condition(keys, match, kExists, kMissing,
                         in_words(paths, match) + (match == Match::kAll && paths.size() > 1 ? " exist" : " exists"));
}

}  // namespace

const RuleType& file() {
  static const RuleType kType{.name = "file",
                              .title = "File",
                              .help = "Regular files of these paths exist.",
                              .systems = {OsFamily::kLinux, OsFamily::kWindows, OsFamily::kMacos},
                              .parameters = {{.name = "paths",
                                              .type = ParameterSpec::Type::kTexts,
                                              .required = true,
                                              .max_bytes = kMaxPath,
                                              .help = "Absolute paths, such as /etc/x."},
                                             match_parameter(kAllFiles)},
                              .compile = compile_file};
  return kType;
}

}  // namespace postern::posture::rules
