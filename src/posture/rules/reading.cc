#include "posture/rules/reading.h"

#include <algorithm>

#include "posture/rules/checks.h"

namespace postern::posture::rules {
namespace {

constexpr Reason kNotReported{"not_reported", "it was never reported"};
constexpr Reason kUnsupported{"unsupported", "this system has no such thing"};
constexpr Reason kDenied{"denied", "the agent may not read it"};
constexpr Reason kStale{"stale", "it was known, but too long ago"};
constexpr Reason kFailed{"failed", "reading it went wrong"};
constexpr Reason kBefore1970{"before_1970", "the time that was reported lies before 1970, which no time does that counts"};
constexpr Reason kMalformed{"malformed", "what was reported is no value that this fact can have"};

}  // namespace

const Reason& unknown_reason(const Fact* fact) {
  if (fact == nullptr) return kNotReported;
  const auto* unknown = fact->as<Unknown>();
  if (unknown == nullptr) return kMalformed;
  switch (unknown->reason) {
    case UnknownReason::kUnsupported:
      return kUnsupported;
    case UnknownReason::kDenied:
      return kDenied;
    case UnknownReason::kStale:
      return kStale;
    case UnknownReason::kFailed:
      return kFailed;
  }
  return kFailed;
}

const std::int64_t* read_time(const FactView& facts, std::string_view key, const Reason*& why) {
  const auto* at = read<std::int64_t>(facts, key, why);
  if (at == nullptr || *at >= 0) return at;
  why = &kBefore1970;
  return nullptr;
}

ParameterSpec match_parameter(Match otherwise) {
  return {.name = "match",
          .type = ParameterSpec::Type::kText,
          .choices = {"all", "any"},
          .help = otherwise == Match::kAll
                      ? "Whether all entries must hold or any; all if not given."
                      : "Whether all entries must hold or any; any if not given."};
}

Match match_of(const Parameters& parameters, Match otherwise) {
  const std::string_view text = text_of(parameters, "match");
  if (text.empty()) return otherwise;
  return text == "all" ? Match::kAll : Match::kAny;
}

ParameterSpec paths_parameter() {
  return {.name = "paths",
          .type = ParameterSpec::Type::kTexts,
          .required = true,
          .max_bytes = kMaxPathBytes,
          .help = "Absolute paths, such as /etc/x."};
}

const std::vector<std::string>& list_of(const Parameters& parameters, std::string_view name) {
  static const std::vector<std::string> kNone;
  const auto it = parameters.find(name);
  const auto* list =
      it == parameters.end() ? nullptr : std::get_if<std::vector<std::string>>(&it->second);
  return list == nullptr ? kNone : *list;
}

std::string_view text_of(const Parameters& parameters, std::string_view name) {
  const auto it = parameters.find(name);
  const auto* text = it == parameters.end() ? nullptr : std::get_if<std::string>(&it->second);
  return text == nullptr ? std::string_view() : std::string_view(*text);
}

void SetVerdict::add(Verdict verdict, const Reason* why_unknown) {
  verdict_ = match_ == Match::kAll ? verdict_and(verdict_, verdict) : verdict_or(verdict_, verdict);
  if (verdict == Verdict::kUnknown && why_unknown_ == nullptr) why_unknown_ = why_unknown;
}

Judgement SetVerdict::judgement(const Reason& matched, const Reason& not_matched) const {
  switch (verdict_) {
    case Verdict::kMatch:
      return {verdict_, &matched};
    case Verdict::kNoMatch:
      return {verdict_, &not_matched};
    case Verdict::kUnknown:
      break;
  }
  return {verdict_, why_unknown_};
}

std::int64_t integer_of(const Parameters& parameters, std::string_view name, std::int64_t otherwise) {
  const auto it = parameters.find(name);
  const auto* value = it == parameters.end() ? nullptr : std::get_if<std::int64_t>(&it->second);
  return value == nullptr ? otherwise : *value;
}

double number_of(const Parameters& parameters, std::string_view name, double otherwise) {
  const auto it = parameters.find(name);
  if (it == parameters.end()) return otherwise;
  if (const auto* number = std::get_if<double>(&it->second)) return *number;
  const auto* integer = std::get_if<std::int64_t>(&it->second);
  return integer == nullptr ? otherwise : static_cast<double>(*integer);
}

bool flag_of(const Parameters& parameters, std::string_view name, bool otherwise) {
  const auto it = parameters.find(name);
  const auto* value = it == parameters.end() ? nullptr : std::get_if<bool>(&it->second);
  return value == nullptr ? otherwise : *value;
}

Judgement judge_flag(const FactView& facts, std::string_view key, const Reason& yes, const Reason& no) {
  const Reason* why = nullptr;
  const bool* holds = read<bool>(facts, key, why);
  if (holds == nullptr) return {Verdict::kUnknown, why};
  return *holds ? Judgement{Verdict::kMatch, &yes} : Judgement{Verdict::kNoMatch, &no};
}

Judgement judge_contains(const FactView& facts, std::string_view key, std::string_view text, const Reason& yes,
                         const Reason& no) {
  const Reason* why = nullptr;
  const auto* list = read<std::vector<std::string>>(facts, key, why);
  if (list == nullptr) return {Verdict::kUnknown, why};
  const bool holds = std::find(list->begin(), list->end(), text) != list->end();
  return holds ? Judgement{Verdict::kMatch, &yes} : Judgement{Verdict::kNoMatch, &no};
}

SetCondition::SetCondition(Match match, std::vector<std::unique_ptr<const Condition>> conditions,
                           const Reason& matched, const Reason& not_matched, std::string text)
    : parts_{match, std::move(conditions)}, matched_(matched), not_matched_(not_matched), text_(std::move(text)) {
  for (const auto& condition : parts_.conditions) {
    for (const std::string& key : condition->keys()) {
      if (std::find(keys_.begin(), keys_.end(), key) == keys_.end()) keys_.push_back(key);
    }
  }
}

Judgement SetCondition::judge(const FactView& facts) const {
  SetVerdict set(parts_.match);
  for (const auto& condition : parts_.conditions) {
    const Judgement one = condition->judge(facts);
    set.add(one.verdict, one.reason);
  }
  return set.judgement(matched_, not_matched_);
}

bool SetCondition::timed() const {
  return std::any_of(parts_.conditions.begin(), parts_.conditions.end(), [](const auto& c) { return c->timed(); });
}

FlagCondition::FlagCondition(std::string key, const Reason& yes, const Reason& no, std::string text)
    : yes_(yes), no_(no), text_(std::move(text)) {
  keys_ = {std::move(key)};
}

std::unique_ptr<const Condition> flags_condition(const std::vector<std::string>& keys, Match match,
                                                 const Reason& matched, const Reason& not_matched, std::string text) {
  std::vector<std::unique_ptr<const Condition>> parts;
  for (const std::string& key : keys) parts.push_back(std::make_unique<FlagCondition>(key, matched, not_matched, text));
  if (parts.size() == 1) return std::move(parts.front());
  return std::make_unique<SetCondition>(match, std::move(parts), matched, not_matched, std::move(text));
}

std::string in_words(const std::vector<std::string>& list, Match match) {
  std::string out;
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (i > 0) out += i + 1 < list.size() ? ", " : match == Match::kAll ? " and " : " or ";
    out += list[i];
  }
  return out;
}

}  // namespace postern::posture::rules
