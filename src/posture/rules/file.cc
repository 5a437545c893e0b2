// file {"paths","sha256","regex","modified_within_days","not_modified_within_days"}: regular files exist, and what is
// in them.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "posture/fact_keys.h"
#include "posture/quote.h"
#include "posture/rules/checks.h"
#include "posture/rules/conditions.h"
#include "posture/rules/timing.h"
#include "posture/text_match.h"

namespace postern::posture::rules {
namespace file_rule {
namespace {

constexpr Reason kExists{"file_exists", "what must exist does"};
constexpr Reason kMissing{"file_missing", "what must exist does not"};
constexpr Reason kAllowedContent{"file_content_allowed", "the file's digest is one that is allowed"};
constexpr Reason kOtherContent{"file_content_differs", "the file's digest is none that is allowed"};
constexpr Reason kLineMatches{"file_line_matches", "a line of the file matches"};
constexpr Reason kNoLine{"file_no_line_matches", "no line of the file matches, or there is no such file"};
constexpr Reason kModified{"file_modified_recently", "the file was modified within the time"};
constexpr Reason kUnmodified{"file_not_modified_recently", "the file was not modified within the time"};
constexpr Match kOtherwise = Match::kAll;

class DigestIs final : public Condition {
 public:
  DigestIs(const std::string& path, std::vector<std::string> lower) : lower_(std::move(lower)) {
    keys_ = {keys::with(keys::kFileSha256, path)};
    text_ = fmt::format("{} has {}", path, lower_.size() == 1 ? "the SHA-256 " + lower_.front() : "an allowed SHA-256");
  }

  Judgement judge(const FactView& facts) const override {
    const Reason* why = nullptr;
    const auto* digest = read<std::string>(facts, keys_.front(), why);
    if (digest == nullptr) return {Verdict::kUnknown, why};
    if (digest->empty()) return {Verdict::kNoMatch, &kMissing};
    // What is no digest is not another content's: nobody knows.
    if (!is_sha256(*digest)) return {Verdict::kUnknown, &unknown_reason(facts.find(keys_.front()))};
    const bool allowed = std::any_of(lower_.begin(), lower_.end(),
                                     [&](const auto& one) { return equals_ignoring_case(*digest, one); });
    return allowed ? Judgement{Verdict::kMatch, &kAllowedContent} : Judgement{Verdict::kNoMatch, &kOtherContent};
  }

  std::string describe() const override { return text_; }

 private:
  std::vector<std::string> lower_;
  std::string text_;
};

/// What is demanded of each file beyond that it exists; each of these facts says too that it doesn't.
struct Demands {
  std::vector<std::string> sha256;
  std::string regex;
  std::int64_t within_days = 0, not_within_days = 0;  // 0: not demanded

  bool any() const { return !sha256.empty() || !regex.empty() || within_days > 0 || not_within_days > 0; }
};

std::unique_ptr<const Condition> of_one(const std::string& path, const Demands& demands) {
  Conditions parts;
  if (!demands.sha256.empty()) parts.push_back(std::make_unique<DigestIs>(path, demands.sha256));
  if (!demands.regex.empty()) {
    parts.push_back(flag(keys::file_matches(path, demands.regex), kLineMatches, kNoLine,
                         fmt::format("a line of {} matches {}", path, demands.regex)));
  }
  const std::string modified = keys::with(keys::kFileModifiedAt, path);
  if (demands.within_days > 0) {
    parts.push_back(
        recent(modified, days(demands.within_days), {kModified, kUnmodified, kMissing},
               fmt::format("{} was modified within the last {}", path, count_of(demands.within_days, "day"))));
  }
  if (demands.not_within_days > 0) {
    parts.push_back(not_recent(
        modified, days(demands.not_within_days), {kModified, kUnmodified, kMissing},
        fmt::format("{} was not modified within the last {}", path, count_of(demands.not_within_days, "day"))));
  }
  return joined(Match::kAll, std::move(parts));
}

Result<std::unique_ptr<const Condition>> compile(const Parameters& parameters, OsFamily os) {
  const auto& paths = list_of(parameters, "paths");
  if (Status ok = check_paths("paths", paths, os); !ok) return fail(ok.error());
  const Match match = match_of(parameters, kOtherwise);
  Demands demands;
  demands.regex = text_of(parameters, "regex");
  demands.within_days = integer_of(parameters, "modified_within_days", 0);
  demands.not_within_days = integer_of(parameters, "not_modified_within_days", 0);
  if (Status ok = check_sha256("sha256", list_of(parameters, "sha256")); !ok) return fail(ok.error());
  for (const std::string& digest : list_of(parameters, "sha256")) demands.sha256.push_back(to_lower(digest));
  if (!demands.any()) {
    std::vector<std::string> exist;
    for (const std::string& path : paths) exist.push_back(keys::file_exists(path));
    const bool several = match == Match::kAll && paths.size() > 1;
    return flags_condition(exist, match, kExists, kMissing, in_words(paths, match) + (several ? " exist" : " exists"));
  }
  if (demands.within_days > 0 && demands.not_within_days >= demands.within_days) {
    return invalid(
        fmt::format("not_modified_within_days: {} leaves no time at which a file could have been modified that "
                    "was so within {} days; it must be less than modified_within_days",
                    demands.not_within_days, demands.within_days));
  }
  if (!demands.regex.empty()) {
    if (Status ok = check_regex("regex", demands.regex); !ok) return fail(ok.error());
    for (std::size_t i = 0; i < paths.size(); ++i) {
      const std::size_t bytes = keys::file_matches(paths[i], demands.regex).size();
      if (bytes <= keys::kMaxKeyBytes) continue;
      return invalid(fmt::format("paths[{}]: {} and the regex together are {} bytes too long; shorten one", i,
                                 posture::quoted(paths[i]), bytes - keys::kMaxKeyBytes));
    }
  }
  Conditions parts;
  for (const std::string& path : paths) parts.push_back(of_one(path, demands));
  return joined(match, std::move(parts));
}

}  // namespace
}  // namespace file_rule

const RuleType& file() {
  static const RuleType kType{
      .name = "file",
      .title = "File",
      .help =
          "Regular files of these paths exist and, as asked, have an allowed digest, a line that matches, or were "
          "modified at such a time. Changes are told at once; those written through a shared mapping that stays open within "
          "two minutes, of a file in memory (tmpfs) that had long been the same within an hour.",
      .systems = {OsFamily::kLinux, OsFamily::kWindows, OsFamily::kMacos},
      .parameters = {paths_parameter(),
                     {.name = "sha256",
                      .type = ParameterSpec::Type::kTexts,
                      .max_bytes = 64,
                      .help = "SHA-256 digests (64 hex digits) that a file may have."},
                     {.name = "regex",
                      .max_bytes = kMaxRegexBytes,
                      .help = "A regular expression (RE2's syntax) that some part of a line of each file matches. It may compile to "
                              "1200 steps at most: a{1000} does, .{0,400} does not."},
                     days_parameter("modified_within_days", "Days, 1 to 3650: modified no longer ago than this."),
                     days_parameter("not_modified_within_days", "Days, 1 to 3650: modified longer ago than this."),
                     match_parameter(file_rule::kOtherwise)},
      .facts = {"file.exists:<path>", "file.sha256:<path>", "file.matches:<path and regex>", "file.modified_at:<path>"},
      .unknown = "Also where a time of modification lies more than a day ahead, what was reported is no digest, searching a file "
                 "takes longer than half a second of a processor, or nothing matches and a line is longer than 64 KiB.",
      .compile = file_rule::compile};
  return kType;
}

}  // namespace postern::posture::rules
