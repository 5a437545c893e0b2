#include "posture/rules/checks.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>

#include "base/text.h"
#include "posture/quote.h"
#include "posture/regex_limits.h"

namespace postern::posture::rules {
namespace {

bool plain_unix_path(std::string_view path) {
  if (path.size() < 2 || path.front() != '/') return false;
  const auto parts = split(path.substr(1), '/');
  return std::none_of(parts.begin(), parts.end(),
                      [](std::string_view part) { return part.empty() || part == "." || part == ".."; });
}

bool windows_path(std::string_view path) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  const bool drive = path.size() > 3 && letter(path[0]) && path[1] == ':' && path[2] == '\\';
  const bool variable = !path.empty() && path.front() == '%' && path.find('%', 1) != path.npos;
  return (drive || variable) && path.back() != '\\';
}

bool hex_digit(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

}  // namespace

Status check_path(std::string_view where, std::string_view path, OsFamily os) {
  if (os == OsFamily::kWindows ? windows_path(path) : plain_unix_path(path)) return {};
  const std::string_view allowed =
      os == OsFamily::kWindows ? R"(an absolute path such as C:\ProgramData\x or %ProgramData%\x)"
                               : R"(an absolute path such as /etc/x, without ".", "..", "//" or "/" at the end)";
  return invalid(fmt::format("{}: {} must be {}", where, posture::quoted(path), allowed));
}

Status check_paths(std::string_view where, const std::vector<std::string>& paths, OsFamily os) {
  for (std::size_t i = 0; i < paths.size(); ++i) {
    if (Status ok = check_path(fmt::format("{}[{}]", where, i), paths[i], os); !ok) return ok;
  }
  return {};
}

Status check_process(std::string_view where, std::string_view process, OsFamily os) {
  if (process.find_first_of("/\\") == process.npos || check_path(where, process, os)) return {};
  return invalid(
      fmt::format("{}: {} must be a process's name alone, such as sshd, or {}", where, posture::quoted(process),
                  os == OsFamily::kWindows
                      ? R"(the absolute path of its executable, such as C:\Windows\explorer.exe)"
                      : R"(the absolute path of its executable, such as /usr/sbin/sshd, without "." or "..")"));
}

bool is_sha256(std::string_view text) { return text.size() == 64 && std::all_of(text.begin(), text.end(), hex_digit); }

Status check_sha256(std::string_view where, const std::vector<std::string>& list) {
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (is_sha256(list[i])) continue;
    return invalid(fmt::format("{}[{}]: {} must be a SHA-256 digest: 64 hex digits, as sha256sum prints it", where, i,
                               posture::quoted(list[i])));
  }
  return {};
}

Status check_regex(std::string_view where, std::string_view regex, bool any_case) {
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(static_cast<std::int64_t>(kMaxRegexMemory));
  options.set_case_sensitive(!any_case);
  const re2::RE2 compiled(re2::StringPiece(regex.data(), regex.size()), options);
  if (compiled.ok()) {
    const int steps = std::max(compiled.ProgramSize(), compiled.ReverseProgramSize());
    if (steps <= kMaxRegexSteps) return {};
    return invalid(fmt::format("{}: {} takes {} steps for each byte{}, allowed are {}: repeat less often, and less of "
                               "what is repeated (. and \\pL are many steps, [a-z] is one)",
                               where, posture::quoted(regex), steps, any_case ? " where case doesn't count" : "",
                               kMaxRegexSteps));
  }
  const bool large =
      compiled.error_code() == re2::RE2::ErrorPatternTooLarge || compiled.error_code() == re2::RE2::ErrorRepeatSize;
  return invalid(fmt::format("{}: {} must be a regular expression in RE2's syntax{}: {}", where, posture::quoted(regex),
                             large ? " that stays small (repetitions up to 1000, few of them nested)" : "",
                             posture::clean_text(compiled.error()) ? compiled.error() : std::string("broken UTF-8")));
}

}  // namespace postern::posture::rules
