#pragma once
// A tag as an administrator writes it: data only. The JSON form is in tag_json.h, the evaluated
// form in compiled_tag.h.
#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"

namespace postern::posture {

/// The EMS's number of a tag: given by the caller, stable, never reused. 0 is no tag.
using TagId = std::uint32_t;

/// Security posture tags follow from rules. A classification tag without rules is given by hand. Fabric tags follow from
/// rules too, by what other devices found: those set an endpoint's attributes, and the rules read these. What the kind
/// decides is to which gateways a tag is told.
enum class TagKind : std::uint8_t { kSecurity, kClassification, kFabric };
inline constexpr std::array kAllTagKinds{TagKind::kSecurity, TagKind::kClassification, TagKind::kFabric};

/// Whose rules these are. The names are the values of the fact `os.family`.
enum class OsFamily : std::uint8_t { kLinux, kWindows, kMacos, kIos, kAndroid };
inline constexpr std::size_t kOsFamilies = 5;
inline constexpr std::array<OsFamily, kOsFamilies> kAllOsFamilies{
    OsFamily::kLinux, OsFamily::kWindows, OsFamily::kMacos, OsFamily::kIos, OsFamily::kAndroid};

/// What enforcement makes of "unknown" where a policy denies by the tag: kDeny counts it as
/// present, kIgnore as absent. Evaluation does not look at it: unknown stays unknown here.
enum class OnUnknown : std::uint8_t { kDeny, kIgnore };

std::string_view tag_kind_name(TagKind kind);  ///< "security", "classification", "fabric".
std::string_view os_family_name(OsFamily os);  ///< "linux", "windows", "macos", "ios", "android".
std::string_view on_unknown_name(OnUnknown what);  ///< "deny", "ignore".
std::optional<TagKind> parse_tag_kind(std::string_view name);
std::optional<OsFamily> parse_os_family(std::string_view name);
std::optional<OnUnknown> parse_on_unknown(std::string_view name);

/// A rule type's parameter. Which a type takes: rule.h, ParameterSpec. A double is never an integer in disguise: 7 is
/// kept as std::int64_t wherever it is written.
using ParameterValue = std::variant<std::string, std::vector<std::string>, std::int64_t, double, bool>;
using Parameters = std::map<std::string, ParameterValue, std::less<>>;

struct RuleSpec {
  std::uint32_t id = 0;  ///< The number that logic names; 1..kMaxRuleId, once per tag.
  OsFamily os = OsFamily::kLinux;
  std::string type;  ///< "ip-range"; see rules/registry.h.
  bool negate = false;
  Parameters parameters;
  /// How old a fact may be; an older one is unknown, stale. What the agent watches is as old as its last sign of life.
  std::optional<Seconds> max_age = std::nullopt;
  friend bool operator==(const RuleSpec&, const RuleSpec&) = default;
};

struct TagDefinition {
  TagName name;
  TagKind kind = TagKind::kSecurity;
  /// A disabled tag is absent everywhere and asks agents for nothing. Rules that refer to it are unknown: that somebody
  /// switched it off spares nobody who is judged by its absence.
  bool enabled = true;
  std::string message;  ///< For the user who lacks (or has) it.
  std::string comment;  ///< For administrators only.
  OnUnknown on_unknown = OnUnknown::kDeny;
  /// For how long an endpoint that no longer matches keeps the tag. Gaining it and becoming unknown are never delayed.
  Seconds loss_delay{0};
  std::vector<RuleSpec> rules;
  /// Per OS an expression over rule numbers (logic.h). An OS that is not listed demands all its
  /// rules.
  std::map<OsFamily, std::string> logic;
  friend bool operator==(const TagDefinition&, const TagDefinition&) = default;
};

// Bounds of a definition, checked by compile_tag and parse_tag_json.
inline constexpr std::size_t kMaxRules = 100;
inline constexpr std::uint32_t kMaxRuleId = 9999;
inline constexpr std::size_t kMaxTagText = 1024;  ///< Bytes of message and of comment.
inline constexpr Seconds kMaxLossDelay{24 * 3600};
inline constexpr Seconds kMinMaxAge{60};
inline constexpr Seconds kMaxMaxAge{366 * 24 * 3600};

/// The tag that every installation has: match if the endpoint is registered, on every OS. It takes
/// part in evaluation like any other, but nobody edits or deletes it.
inline constexpr std::string_view kAllRegisteredClients = "all_registered_clients";
inline constexpr TagId kAllRegisteredClientsId =
    1;  ///< Its number in every installation; others start at 2.
TagDefinition all_registered_clients_definition();

}  // namespace postern::posture
