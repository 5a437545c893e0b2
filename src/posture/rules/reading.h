#pragma once
// What the rule types share: reading a fact with the reason when it can't be read, and judging a
// set by all or any.
#include <string>
#include <string_view>
#include <vector>

#include "posture/rule.h"

namespace postern::posture::rules {

/// Why a fact has no value of the expected type: "not_reported", "unsupported", "denied", "stale",
/// "failed", "malformed".
const Reason& unknown_reason(const Fact* fact);

/// The value of a fact as T; null if it is not known as T, and then why.
template <class T>
const T* read(const FactView& facts, std::string_view key, const Reason*& why) {
  const Fact* fact = facts.find(key);
  const T* value = fact == nullptr ? nullptr : fact->as<T>();
  if (value == nullptr) why = &unknown_reason(fact);
  return value;
}

enum class Match { kAll, kAny };

/// The parameter "match" of set-like rule types, with the type's default.
ParameterSpec match_parameter(Match otherwise);
Match match_of(const Parameters& parameters, Match otherwise);

/// A list parameter that the schema demands.
const std::vector<std::string>& list_of(const Parameters& parameters, std::string_view name);
/// A text parameter; empty if it isn't given.
std::string_view text_of(const Parameters& parameters, std::string_view name);

/// Joins verdicts by Kleene's and (all) or or (any) and keeps the reason of the first that is
/// unknown.
class SetVerdict {
 public:
  explicit SetVerdict(Match match)
      : match_(match), verdict_(match == Match::kAll ? Verdict::kMatch : Verdict::kNoMatch) {}
  void add(Verdict verdict, const Reason* why_unknown);
  Judgement judgement(const Reason& matched, const Reason& not_matched) const;

 private:
  Match match_;
  Verdict verdict_;
  const Reason* why_unknown_ = nullptr;
};

inline constexpr Reason kNotRegistered{"not_registered", "the endpoint is not registered"};

/// Boolean facts, one per entry of a list, judged by all or any.
Judgement judge_booleans(const FactView& facts, const std::vector<std::string>& keys, Match match,
                         const Reason& matched, const Reason& not_matched);

/// "a", "a and b", "a, b or c".
std::string in_words(const std::vector<std::string>& list, Match match);

}  // namespace postern::posture::rules
