#pragma once
// What the rule types share: reading a fact with the reason when it can't be read, and judging a
// set by all or any.
#include <memory>
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

/// The value of a fact that is a time in Unix ms, 0 for never. One before 1970 is unknown, and no time long ago:
/// "before_1970".
const std::int64_t* read_time(const FactView& facts, std::string_view key, const Reason*& why);

/// The parameter "match" of set-like rule types, with the type's default.
ParameterSpec match_parameter(Match otherwise);
Match match_of(const Parameters& parameters, Match otherwise);
/// "paths", which must be given: what check_paths takes.
ParameterSpec paths_parameter();

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

/// An integer or boolean parameter, with what holds when it isn't given.
std::int64_t integer_of(const Parameters& parameters, std::string_view name, std::int64_t otherwise);
double number_of(const Parameters& parameters, std::string_view name, double otherwise);  ///< Integers too.
bool flag_of(const Parameters& parameters, std::string_view name, bool otherwise);

Judgement judge_flag(const FactView& facts, std::string_view key, const Reason& yes, const Reason& no);
/// A text list holds that text.
Judgement judge_contains(const FactView& facts, std::string_view key, std::string_view text, const Reason& yes,
                         const Reason& no);

/// A set of conditions over one fact each. `describe()` is the text given.
class SetCondition : public Condition {
 public:
  SetCondition(Match match, std::vector<std::unique_ptr<const Condition>> conditions, const Reason& matched,
               const Reason& not_matched, std::string text);
  Judgement judge(const FactView& facts) const override;
  std::string describe() const override { return text_; }
  bool timed() const override;
  const SetParts* parts() const override { return &parts_; }

 private:
  SetParts parts_;
  const Reason& matched_;
  const Reason& not_matched_;
  std::string text_;
};

/// A boolean fact is true.
class FlagCondition final : public Condition {
 public:
  FlagCondition(std::string key, const Reason& yes, const Reason& no, std::string text);
  Judgement judge(const FactView& facts) const override { return judge_flag(facts, keys_.front(), yes_, no_); }
  std::string describe() const override { return text_; }

 private:
  const Reason& yes_;
  const Reason& no_;
  std::string text_;
};

/// One boolean fact per entry, judged by all or any.
std::unique_ptr<const Condition> flags_condition(const std::vector<std::string>& keys, Match match,
                                                 const Reason& matched, const Reason& not_matched, std::string text);

/// "a", "a and b", "a, b or c".
std::string in_words(const std::vector<std::string>& list, Match match);

}  // namespace postern::posture::rules
