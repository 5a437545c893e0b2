#include "posture/rules/reading.h"

namespace postern::posture::rules {
namespace {

constexpr Reason kNotReported{"not_reported", "it was never reported"};
constexpr Reason kUnsupported{"unsupported", "this system has no such thing"};
constexpr Reason kDenied{"denied", "the agent may not read it"};
constexpr Reason kStale{"stale", "it was known, but too long ago"};
constexpr Reason kFailed{"failed", "reading it went wrong"};
constexpr Reason kMalformed{"malformed", "what was reported is of the wrong type"};

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

Judgement judge_booleans(const FactView& facts, const std::vector<std::string>& keys, Match match,
                         const Reason& matched, const Reason& not_matched) {
  SetVerdict set(match);
  for (const std::string& key : keys) {
    const Reason* why = nullptr;
    const bool* holds = read<bool>(facts, key, why);
    set.add(holds == nullptr ? Verdict::kUnknown : verdict_of(*holds), why);
  }
  return set.judgement(matched, not_matched);
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
