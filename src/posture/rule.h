#pragma once
// What a rule type is. Each stands in one file of rules/, which is all it takes to add one: the build lists them
// (rule_types(), rules/registry.h). Nothing else knows a type by name.
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "posture/fact.h"
#include "posture/tag.h"
#include "posture/verdict.h"

namespace postern::posture {

/// Where facts are kept. Thread: as the implementation says.
class FactSource {
 public:
  virtual ~FactSource() = default;
  /// Null: never reported. Valid until the next call.
  virtual const Fact* find(std::string_view key) const = 0;
};

/// The states of tags that other tags refer to.
class TagSource {
 public:
  virtual ~TagSource() = default;
  /// true or false, or unknown; null: no tag is what `reference` (tag_reference.h) means.
  virtual const Fact* find_tag(std::string_view reference) const = 0;
  /// Until when that holds, facts unchanged. REQUIRES: find_tag was asked for it.
  virtual WallTime tag_holds_until(std::string_view /*reference*/) const { return WallTime::max(); }
};

/// The facts of one endpoint at one instant, as rules see them. Owns nothing. Thread: one; made anew for each evaluation.
class FactView {
 public:
  /// `confirmed`: when the agent last gave a sign of life. It tells changes at once, so until then its facts held.
  FactView(const FactMap& facts, Now now, WallTime confirmed = WallTime::min())
      : map_(&facts), now_(now), confirmed_(confirmed) {}
  FactView(const FactSource& facts, Now now, WallTime confirmed = WallTime::min())
      : source_(&facts), now_(now), confirmed_(confirmed) {}

  /// Null: never reported. A known fact that is older than the rule's `max_age` is an unknown one, stale.
  const Fact* find(std::string_view key) const;
  /// As it was reported, however old.
  const Fact* reported(std::string_view key) const;
  /// Facts of this key are as old as somebody's last word; others the EMS knows at any time.
  static bool grows_old(std::string_view key);
  /// How old what is known by a fact is, at least 0: since it was collected, or since it last was confirmed to hold.
  Millis age(std::string_view key, const Fact& fact) const;
  Now now() const { return now_; }
  /// WallTime::min(): nobody says.
  WallTime confirmed() const {
    asked_of_endpoint_ = true;
    return confirmed_;
  }
  /// confirmed() or age() was called: another endpoint with facts of the same values may be judged otherwise.
  bool asked_of_endpoint() const { return asked_of_endpoint_; }

  /// What a judgement rests on holds until then, facts unchanged: whoever reads now() or a fact's age says so.
  void holds_until(WallTime until) const {
    if (until < until_) until_ = until;
  }
  /// The earliest of what holds_until() was told; WallTime::max(): only facts can change the judgement.
  WallTime until() const { return until_; }

  // Each is told of nothing yet that holds_until.
  FactView at(WallTime wall) const;  ///< The same facts, looked at at another time.
  FactView with_max_age(std::optional<Seconds> max_age) const;
  FactView with_tags(const TagSource& tags) const;
  /// What the agent reported counts for so long without a sign of life, whatever rules say (the tag timeout).
  FactView with_report_limit(Millis limit) const;

 private:
  FactView afresh() const;

  const FactMap* map_ = nullptr;
  const FactSource* source_ = nullptr;
  const TagSource* tags_ = nullptr;
  Now now_;
  WallTime confirmed_;
  std::optional<Seconds> max_age_;
  std::optional<Millis> report_limit_;
  mutable WallTime until_ = WallTime::max();
  mutable bool asked_of_endpoint_ = false;
};

enum class Match : std::uint8_t { kAll, kAny };

class Condition;
/// A condition that is others, over one fact each, joined by Kleene's and (all) or or (any).
struct SetParts {
  Match match = Match::kAll;
  std::vector<std::unique_ptr<const Condition>> conditions;
};

/// A rule's parameters, checked and turned into what evaluation needs: judging parses and allocates
/// nothing. Immutable. Thread: any.
class Condition {
 public:
  virtual ~Condition() = default;
  /// Reads no fact but those of keys(), of a fact its value and nothing else, and now() only if timed(). Without the
  /// rule's `negate`.
  virtual Judgement judge(const FactView& facts) const = 0;
  /// The condition in words, such as "the address is in 10.0.1.0/24". Without the rule's `negate`.
  virtual std::string describe() const = 0;
  /// The judgement depends on the time too: on now(), or on how old a fact is.
  virtual bool timed() const { return false; }
  /// Null: it can't be taken apart. Each part judges as the whole does, so that one over one fact is judged once per
  /// distinct value.
  virtual const SetParts* parts() const { return nullptr; }
  const std::vector<std::string>& keys() const { return keys_; }  ///< Facts it reads, distinct.

 protected:
  std::vector<std::string> keys_;
};

/// A parameter of a rule type. The schema checks presence, type, counts, lengths, ranges and choices; what
/// goes beyond is checked by RuleType::compile.
struct ParameterSpec {
  enum class Type : std::uint8_t { kText, kTexts, kInteger, kNumber, kBoolean };
  std::string_view name;
  Type type = Type::kText;
  bool required = false;
  std::vector<std::string_view> choices = {};  ///< Of texts: empty allows any.
  std::size_t max_bytes = 255;                 ///< Of each text; none may be empty.
  std::size_t max_count = 64;                  ///< Of a list; none may be empty.
  double min = 0;                              ///< Of an integer or number.
  double max = std::numeric_limits<std::int32_t>::max();
  std::string_view help = {};                  ///< For consoles and the API's description; with its unit.
};
std::string_view parameter_type_name(ParameterSpec::Type type);  ///< "text", "list of texts", "integer", …

struct RuleType {
  std::string_view name;          ///< "ip-range".
  std::string_view title;         ///< "IP Range", for people.
  std::string_view help = {};     ///< When it matches, in a sentence.
  std::vector<OsFamily> systems;  ///< Where it can be asked.
  std::vector<ParameterSpec> parameters;
  std::vector<std::string_view> facts = {};  ///< What it reads, by key: "process.running:<name>". For people.
  /// When it is unknown beyond "a fact that it reads is", and what is known to be no match although facts are missing; in
  /// a sentence or empty.
  std::string_view unknown = {};
  /// REQUIRES: check_parameters(type, parameters) held. Error: kInvalidArgument that names
  /// parameter, value and what is allowed; the caller puts the rule in front.
  Result<std::unique_ptr<const Condition>> (*compile)(const Parameters& parameters, OsFamily os);
};

/// Holds `parameters` against the type's schema. Error: kInvalidArgument that names the parameter.
Status check_parameters(const RuleType& type, const Parameters& parameters);

}  // namespace postern::posture
