#pragma once
// Conditions over one fact that several rule types ask, and how they are joined.
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "posture/rules/reading.h"

namespace postern::posture::rules {

using Conditions = std::vector<std::unique_ptr<const Condition>>;

/// All or any of them; the reason is that of the first which decides. One alone is itself. REQUIRES: not empty.
std::unique_ptr<const Condition> joined(Match match, Conditions conditions);
/// The same, described in other words than theirs.
std::unique_ptr<const Condition> joined(Match match, Conditions conditions, std::string text);

std::unique_ptr<const Condition> flag(std::string key, const Reason& yes, const Reason& no, std::string text);

/// Reasons of a time that a fact tells.
struct AgeReasons {
  const Reason& recent;
  const Reason& old;
  const Reason& never;  ///< The time is 0: it never was.
};
/// A time (integer, Unix ms) lies at most `within` in the past. One more than a day ahead is unknown
/// ("time_in_future"): a wrong clock grants nothing.
std::unique_ptr<const Condition> recent(std::string key, Seconds within, const AgeReasons& reasons, std::string text);
/// It lies further back than `beyond`. `reasons.never` too is no match.
std::unique_ptr<const Condition> not_recent(std::string key, Seconds beyond, const AgeReasons& reasons,
                                            std::string text);

/// Whether texts that differ in ASCII case alone are the same.
enum class Letters : std::uint8_t { kAnyCase, kAsWritten };

/// A text list holds one of these; given none: it holds anything at all.
std::unique_ptr<const Condition> holds_one_of(std::string key, std::vector<std::string> wanted, const Reason& yes,
                                              const Reason& no, std::string text, Letters letters = Letters::kAnyCase);
/// A text list holds nothing but these, and not nothing unless `or_nothing`.
struct OnlyReasons {
  const Reason& only;
  const Reason& others;
  const Reason& nothing;
};
std::unique_ptr<const Condition> holds_only(std::string key, std::vector<std::string> allowed, bool or_nothing,
                                            const OnlyReasons& reasons, std::string text,
                                            Letters letters = Letters::kAnyCase);

/// A parameter of whole days.
ParameterSpec days_parameter(std::string_view name, std::string_view help, bool required = false);
inline constexpr std::int64_t kMaxDays = 3650;
inline Seconds days(std::int64_t count) { return Seconds(count * 24 * 3600); }

}  // namespace postern::posture::rules
