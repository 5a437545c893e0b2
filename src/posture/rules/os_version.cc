// os-version {"versions":["Debian 12",…]} or {"family","op","version"}: which operating system
// runs, and which release.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "base/text.h"
#include "posture/fact_keys.h"
#include "posture/quote.h"
#include "posture/rules/reading.h"
#include "posture/rules/version_number.h"

namespace postern::posture::rules {
namespace {

constexpr Reason kIs{"os_version_matches", "the operating system is one that was named"};
constexpr Reason kIsNot{"os_version_differs", "the operating system is none that was named"};
constexpr Reason kNotComparable{"version_not_comparable",
                                "the version is not made of numbers alone"};
constexpr Match kAnyVersion = Match::kAny;

enum class Op { kEqual, kNotEqual, kLess, kLessOrEqual, kGreater, kGreaterOrEqual };
constexpr std::array<std::string_view, 6> kOps{"=", "!=", "<", "<=", ">", ">="};

bool holds(Op op, std::strong_ordering order) {
  switch (op) {
    case Op::kEqual:
      return order == 0;
    case Op::kNotEqual:
      return order != 0;
    case Op::kLess:
      return order < 0;
    case Op::kLessOrEqual:
      return order <= 0;
    case Op::kGreater:
      return order > 0;
    case Op::kGreaterOrEqual:
      return order >= 0;
  }
  return false;
}

/// A system, and which of its versions.
struct Release {
  std::string system;  // lower case
  Op op = Op::kEqual;
  std::optional<VersionNumber> version = {};  // none: every version
};

struct Reading {
  Verdict verdict = Verdict::kUnknown;
  const Reason* why = nullptr;  // of unknown
};

/// ASCII case aside; without a copy, because this runs at every evaluation.
bool equals_lower(std::string_view text, std::string_view lower) {
  return std::equal(text.begin(), text.end(), lower.begin(), lower.end(), [](char a, char b) {
    return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b;
  });
}

Reading text_equals(const FactView& facts, std::string_view key, const std::string& lower) {
  Reading r;
  if (const auto* text = read<std::string>(facts, key, r.why)) {
    r.verdict = verdict_of(equals_lower(*text, lower));
  }
  return r;
}

Reading both(Reading a, Reading b) {
  const Verdict verdict = verdict_and(a.verdict, b.verdict);
  return {verdict, a.verdict == Verdict::kUnknown ? a.why : b.why};
}
Reading either(Reading a, Reading b) {
  const Verdict verdict = verdict_or(a.verdict, b.verdict);
  return {verdict, a.verdict == Verdict::kUnknown ? a.why : b.why};
}

/// os-release's ID or NAME: "debian" and "Debian GNU/Linux" both mean Debian.
Reading system_is(const FactView& facts, const std::string& lower) {
  return either(text_equals(facts, keys::kOsId, lower), text_equals(facts, keys::kOsName, lower));
}

Reading is_release(const FactView& facts, const Release& release) {
  const Reading system = system_is(facts, release.system);
  if (!release.version || system.verdict == Verdict::kNoMatch) return system;
  Reading version;
  if (const auto* text = read<std::string>(facts, keys::kOsVersionId, version.why)) {
    if (const auto order = release.version->compare_to(*text)) {
      version.verdict = verdict_of(holds(release.op, *order));
    } else {
      version.why = &kNotComparable;
    }
  }
  return both(system, version);
}

class OsVersion final : public Condition {
 public:
  /// One inner list per entry: an entry that can be read in two ways holds if it does in either.
  OsVersion(std::vector<std::vector<Release>> entries, Match match, std::string text)
      : entries_(std::move(entries)), match_(match), text_(std::move(text)) {
    keys_ = {std::string(keys::kOsId), std::string(keys::kOsName), std::string(keys::kOsVersionId)};
  }

  Judgement judge(const FactView& facts) const override {
    SetVerdict set(match_);
    for (const auto& ways : entries_) {
      Reading entry{Verdict::kNoMatch, nullptr};
      for (const Release& release : ways) entry = either(entry, is_release(facts, release));
      set.add(entry.verdict, entry.why);
    }
    return set.judgement(kIs, kIsNot);
  }

  std::string describe() const override { return "the operating system is " + text_; }

 private:
  std::vector<std::vector<Release>> entries_;
  Match match_;
  std::string text_;
};

/// "Debian 12" is the system Debian at version 12; outside Linux a whole system may also be called
/// "Windows 11".
std::vector<Release> ways_to_read(std::string_view entry, OsFamily os) {
  std::vector<Release> ways;
  if (const std::size_t space = entry.rfind(' '); space != entry.npos) {
    if (auto version = VersionNumber::parse(entry.substr(space + 1))) {
      ways.push_back(
          {.system = to_lower(trim(entry.substr(0, space))), .version = std::move(version)});
    }
  }
  if (ways.empty() || os != OsFamily::kLinux) ways.push_back({.system = to_lower(entry)});
  return ways;
}

Result<std::unique_ptr<const Condition>> compile_list(const Parameters& parameters, OsFamily os) {
  const auto& entries = list_of(parameters, "versions");
  std::vector<std::vector<Release>> releases;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    releases.push_back(ways_to_read(entries[i], os));
    // A Linux distribution's ID and NAME hold no digits of their own: "Ubuntu 22.04 LTS" would
    // silently never match.
    const auto words = split(entries[i], ' ');
    const bool digits = std::any_of(words.begin(), words.end(), [](std::string_view w) {
      return !w.empty() && w.front() >= '0' && w.front() <= '9';
    });
    if (os == OsFamily::kLinux && digits && !releases.back().front().version) {
      return invalid(fmt::format(
          "versions[{}]: {} can't be told apart into a distribution and a version; write the "
          "distribution's ID or NAME of os-release and the numbers of its version, such as Debian "
          "12",
          i, posture::quoted(entries[i])));
    }
  }
  const Match match = match_of(parameters, kAnyVersion);
  return std::make_unique<OsVersion>(std::move(releases), match, in_words(entries, match));
}

Result<std::unique_ptr<const Condition>> compile_comparison(const Parameters& parameters,
                                                            OsFamily os) {
  for (const std::string_view name : {"family", "op", "version"}) {
    if (!parameters.contains(name)) {
      return invalid(
          fmt::format("{}: is missing; a comparison needs family, op and version", name));
    }
  }
  const std::string_view family = text_of(parameters, "family");
  if (os == OsFamily::kLinux && to_lower(family) == "linux") {
    return invalid(
        "family: \"" + std::string(family) +
        "\" has no version of its own; name the distribution (os-release's ID), such as debian");
  }
  const std::string_view version = text_of(parameters, "version");
  auto number = VersionNumber::parse(version);
  if (!number) {
    return invalid(fmt::format("version: {} must be numbers separated by dots, such as 12 or 22.04",
                               posture::quoted(version)));
  }
  const std::string_view op_text = text_of(parameters, "op");
  const auto op = static_cast<Op>(std::find(kOps.begin(), kOps.end(), op_text) - kOps.begin());
  std::string text = fmt::format("{} with a version {} {}", family, op_text, version);
  std::vector<Release> one{{.system = to_lower(family), .op = op, .version = std::move(number)}};
  std::vector<std::vector<Release>> entries;
  entries.push_back(std::move(one));
  return std::make_unique<OsVersion>(std::move(entries), Match::kAny, std::move(text));
}

Result<std::unique_ptr<const Condition>> compile_os_version(const Parameters& parameters, OsFamily os) {
  const bool list = parameters.contains("versions");
  const bool comparison =
      parameters.contains("family") || parameters.contains("op") || parameters.contains("version");
  if (list && comparison) {
    return invalid(
        "versions: can't stand beside family, op and version; give the list or the comparison");
  }
  if (!list && !comparison) {
    return invalid(
        "versions: is missing; give versions such as [\"Debian 12\"], or family, op and version");
  }
  if (comparison && parameters.contains("match")) {
    return invalid("match: belongs to versions; a comparison has nothing to match all or any of");
  }
  return list ? compile_list(parameters, os) : compile_comparison(parameters, os);
}

}  // namespace

const RuleType& os_version() {
  static const RuleType kType{
      .name = "os-version",
      .title = "OS Version",
      .help =
          "The operating system and its version: one of a list, or by comparison at the precision "
          "of the version given "
          "(12.4 is = 12 and not > 12).",
      .systems = {kAllOsFamilies.begin(), kAllOsFamilies.end()},
      .parameters = {{.name = "versions",
                      .type = ParameterSpec::Type::kTexts,
                      .help = "Systems by os-release's ID or NAME, with or without a version: "
                              "Debian 12, ubuntu 22.04."},
                     match_parameter(kAnyVersion),
                     {.name = "family",
                      .max_bytes = 64,
                      .help = "A system by os-release's ID or NAME: debian."},
                     {.name = "op",
                      .choices = {kOps.begin(), kOps.end()},
                      .help = "How the version compares."},
                     {.name = "version",
                      .max_bytes = 80,
                      .help = "Numbers separated by dots: 12, 22.04."}},
      .compile = compile_os_version};
  return kType;
}

}  // namespace postern::posture::rules
