// os-version {"versions":["Debian 12",…]} or {"family","op","version"}, and {"latest_update_within_days"}: which
// operating system runs, which release, and that it was updated lately.
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/text.h"
#include "posture/fact_keys.h"
#include "posture/quote.h"
#include "posture/rules/comparing.h"
#include "posture/rules/conditions.h"
#include "posture/rules/timing.h"
#include "posture/rules/version_number.h"
#include "posture/text_match.h"

namespace postern::posture::rules {
namespace os_version_rule {
namespace {

constexpr Reason kIs{"os_version_matches", "the operating system is one that was named"};
constexpr Reason kIsNot{"os_version_differs", "the operating system is none that was named"};
constexpr Reason kNotComparable{"version_not_comparable", "the version is not made of numbers alone"};
constexpr Reason kUpdated{"os_updated_recently", "updates were installed recently enough"};
constexpr Reason kNotUpdated{"os_updated_too_long_ago", "updates were last installed too long ago"};
constexpr Reason kNeverUpdated{"os_never_updated", "no update was ever installed"};
constexpr Match kAnyVersion = Match::kAny;

/// A system, and which of its versions.
struct Release {
  std::string system;
  Comparison op = Comparison::kEqual;
  std::optional<VersionNumber> version = {};  // none: every version
};

class TextIs final : public Condition {
 public:
  TextIs(std::string_view key, std::string text) : text_(std::move(text)) { keys_ = {std::string(key)}; }
  Judgement judge(const FactView& facts) const override {
    const Reason* why = nullptr;
    const auto* text = read<std::string>(facts, keys_.front(), why);
    if (text == nullptr) return {Verdict::kUnknown, why};
    return equals_ignoring_case(*text, text_) ? Judgement{Verdict::kMatch, &kIs}
                                              : Judgement{Verdict::kNoMatch, &kIsNot};
  }
  std::string describe() const override { return "the operating system is " + text_; }

 private:
  std::string text_;
};

class VersionIs final : public Condition {
 public:
  VersionIs(Comparison op, VersionNumber version) : op_(op), version_(std::move(version)) {
    keys_ = {std::string(keys::kOsVersionId)};
  }
  Judgement judge(const FactView& facts) const override {
    const Reason* why = nullptr;
    const auto* text = read<std::string>(facts, keys::kOsVersionId, why);
    if (text == nullptr) return {Verdict::kUnknown, why};
    const auto order = version_.compare_to(*text);
    if (!order) return {Verdict::kUnknown, &kNotComparable};
    return satisfies(op_, *order) ? Judgement{Verdict::kMatch, &kIs} : Judgement{Verdict::kNoMatch, &kIsNot};
  }
  std::string describe() const override { return "the operating system has a version"; }

 private:
  Comparison op_;
  VersionNumber version_;
};

std::unique_ptr<const Condition> set_of(Match match, Conditions conditions, const std::string& text) {
  if (conditions.size() == 1) return std::move(conditions.front());
  return std::make_unique<SetCondition>(match, std::move(conditions), kIs, kIsNot, text);
}

/// os-release's ID or NAME: "debian" and "Debian GNU/Linux" both mean Debian.
std::unique_ptr<const Condition> is_release(const Release& release, const std::string& text) {
  Conditions names, parts;
  names.push_back(std::make_unique<TextIs>(keys::kOsId, release.system));
  names.push_back(std::make_unique<TextIs>(keys::kOsName, release.system));
  parts.push_back(set_of(Match::kAny, std::move(names), text));
  if (release.version) parts.push_back(std::make_unique<VersionIs>(release.op, *release.version));
  return set_of(Match::kAll, std::move(parts), text);
}

/// "Debian 12" is the system Debian at version 12; outside Linux a whole system may also be called
/// "Windows 11".
std::vector<Release> ways_to_read(std::string_view entry, OsFamily os) {
  std::vector<Release> ways;
  if (const std::size_t space = entry.rfind(' '); space != entry.npos) {
    if (auto version = VersionNumber::parse(entry.substr(space + 1))) {
      ways.push_back({.system = std::string(trim(entry.substr(0, space))), .version = std::move(version)});
    }
  }
  if (ways.empty() || os != OsFamily::kLinux) ways.push_back({.system = std::string(entry)});
  return ways;
}

Result<std::unique_ptr<const Condition>> compile_list(const Parameters& parameters, OsFamily os) {
  const auto& entries = list_of(parameters, "versions");
  const Match match = match_of(parameters, kAnyVersion);
  const std::string text = "the operating system is " + in_words(entries, match);
  Conditions releases;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const auto ways = ways_to_read(entries[i], os);
    // A Linux distribution's ID and NAME hold no digits of their own: "Ubuntu 22.04 LTS" would
    // silently never match.
    const auto words = split(entries[i], ' ');
    const bool digits = std::any_of(words.begin(), words.end(), [](std::string_view w) {
      return !w.empty() && w.front() >= '0' && w.front() <= '9';
    });
    if (os == OsFamily::kLinux && digits && !ways.front().version) {
      return invalid(
          fmt::format("versions[{}]: {} can't be told apart into a distribution and a version; write the "
                      "distribution's ID or NAME of os-release and the numbers of its version, such as Debian "
                      "12",
                      i, posture::quoted(entries[i])));
    }
    Conditions readings;  // an entry that can be read in two ways holds if it does in either
    for (const Release& way : ways) readings.push_back(is_release(way, text));
    releases.push_back(set_of(Match::kAny, std::move(readings), text));
  }
  return std::make_unique<SetCondition>(match, std::move(releases), kIs, kIsNot, text);
}

Result<std::unique_ptr<const Condition>> compile_comparison(const Parameters& parameters, OsFamily os) {
  for (const std::string_view name : {"family", "op", "version"}) {
    if (!parameters.contains(name)) {
      return invalid(fmt::format("{}: is missing; a comparison needs family, op and version", name));
    }
  }
  const std::string_view family = text_of(parameters, "family");
  if (os == OsFamily::kLinux && to_lower(family) == "linux") {
    return invalid("family: \"" + std::string(family) +
                   "\" has no version of its own; name the distribution (os-release's ID), such as debian");
  }
  const std::string_view version = text_of(parameters, "version");
  auto number = VersionNumber::parse(version);
  if (!number) {
    return invalid(
        fmt::format("version: {} must be numbers separated by dots, such as 12 or 22.04", posture::quoted(version)));
  }
  const std::string_view op_text = text_of(parameters, "op");
  return is_release({.system = std::string(family), .op = *parse_comparison(op_text), .version = std::move(number)},
                    fmt::format("the operating system is {} with a version {} {}", family, op_text, version));
}

Result<std::unique_ptr<const Condition>> compile(const Parameters& parameters, OsFamily os) {
  const bool list = parameters.contains("versions");
  const bool comparison = parameters.contains("family") || parameters.contains("op") || parameters.contains("version");
  const std::int64_t within = integer_of(parameters, "latest_update_within_days", 0);
  if (list && comparison) {
    return invalid("versions: can't stand beside family, op and version; give the list or the comparison");
  }
  if (!list && !comparison && within == 0) {
    return invalid("versions: is missing; give versions such as [\"Debian 12\"], or family, op and version");
  }
  if (!list && parameters.contains("match")) {
    return invalid("match: belongs to versions; a comparison has nothing to match all or any of");
  }
  Conditions parts;
  if (list || comparison) {
    auto release = list ? compile_list(parameters, os) : compile_comparison(parameters, os);
    if (!release || within == 0) return release;
    parts.push_back(std::move(*release));
  }
  parts.push_back(recent(std::string(keys::kUpdatedAt), days(within), {kUpdated, kNotUpdated, kNeverUpdated},
                         fmt::format("updates were installed within the last {}", count_of(within, "day"))));
  return joined(Match::kAll, std::move(parts));
}

}  // namespace
}  // namespace os_version_rule

const RuleType& os_version() {
  static const RuleType kType{
      .name = "os-version",
      .title = "OS Version",
      .help =
          "The operating system and its version: one of a list, or by comparison at the precision "
          "of the version given "
          "(12.4 is = 12 and not > 12); and, as asked, that it was updated lately.",
      .systems = {kAllOsFamilies.begin(), kAllOsFamilies.end()},
      .parameters = {{.name = "versions",
                      .type = ParameterSpec::Type::kTexts,
                      .help = "Systems by os-release's ID or NAME, with or without a version: "
                              "Debian 12, ubuntu 22.04."},
                     match_parameter(os_version_rule::kAnyVersion),
                     {.name = "family", .max_bytes = 64, .help = "A system by os-release's ID or NAME: debian."},
                     {.name = "op",
                      .choices = {kComparisons.begin(), kComparisons.end()},
                      .help = "How the version compares."},
                     {.name = "version", .max_bytes = 80, .help = "Numbers separated by dots: 12, 22.04."},
                     days_parameter("latest_update_within_days",
                                    "Days, 1 to 3650: updates were installed no longer ago than this.")},
      .facts = {keys::kOsId, keys::kOsName, keys::kOsVersionId, keys::kUpdatedAt},
      .unknown =
          "Also where letters in the version leave the comparison open, or the time of the last update lies more than "
          "a day "
          "ahead. Another system, or another version, is no match whatever else is missing.",
      .compile = os_version_rule::compile};
  return kType;
}

}  // namespace postern::posture::rules
