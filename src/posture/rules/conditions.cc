#include "posture/rules/conditions.h"

#include <algorithm>

#include "posture/text_match.h"

namespace postern::posture::rules {
namespace {

constexpr Reason kInFuture{"time_in_future", "the time that was reported lies more than a day ahead"};
constexpr Millis kClockSlack = Seconds(24 * 3600);

class JoinedCondition final : public SetCondition {
 public:
  JoinedCondition(Match match, Conditions conditions, std::string text)
      : SetCondition(match, std::move(conditions), kNotRegistered, kNotRegistered, std::move(text)) {}

  Judgement judge(const FactView& facts) const override {
    const Verdict deciding = parts()->match == Match::kAll ? Verdict::kNoMatch : Verdict::kMatch;
    Judgement out;
    for (const auto& condition : parts()->conditions) {
      const Judgement one = condition->judge(facts);
      if (one.verdict == deciding) return one;
      if (out.reason == nullptr || (one.verdict == Verdict::kUnknown && out.verdict != Verdict::kUnknown)) out = one;
    }
    return out;
  }
};

class AgeCondition final : public Condition {
 public:
  AgeCondition(std::string key, Seconds within, bool recent, const AgeReasons& reasons, std::string text)
      : within_(within), recent_(recent), reasons_(reasons), text_(std::move(text)) {
    keys_ = {std::move(key)};
  }

  Judgement judge(const FactView& facts) const override {
    const Reason* why = nullptr;
    const auto* at = read_time(facts, keys_.front(), why);
    if (at == nullptr) return {Verdict::kUnknown, why};
    if (*at == 0) return {Verdict::kNoMatch, &reasons_.never};
    const std::int64_t now = to_unix_ms(facts.now().wall);
    if (*at - kClockSlack.count() > now) {
      facts.holds_until(from_unix_ms(*at - kClockSlack.count()));
      return {Verdict::kUnknown, &kInFuture};
    }
    const Millis age = std::max(Millis(0), Millis(now - *at));
    if (age > within_) return {verdict_of(!recent_), &reasons_.old};
    facts.holds_until(from_unix_ms(*at + Millis(within_).count() + 1));
    return {verdict_of(recent_), &reasons_.recent};
  }

  std::string describe() const override { return text_; }
  bool timed() const override { return true; }

 private:
  Seconds within_;
  bool recent_;
  AgeReasons reasons_;
  std::string text_;
};

bool stands_in(std::string_view text, const std::vector<std::string>& list, Letters letters) {
  return std::any_of(list.begin(), list.end(), [&](const std::string& one) {
    return letters == Letters::kAnyCase ? equals_ignoring_case(text, one) : text == one;
  });
}

class HoldsOneOf final : public Condition {
 public:
  HoldsOneOf(std::string key, std::vector<std::string> wanted, const Reason& yes, const Reason& no, std::string text,
             Letters letters)
      : wanted_(std::move(wanted)), yes_(yes), no_(no), text_(std::move(text)), letters_(letters) {
    keys_ = {std::move(key)};
  }

  Judgement judge(const FactView& facts) const override {
    const Reason* why = nullptr;
    const auto* list = read<std::vector<std::string>>(facts, keys_.front(), why);
    if (list == nullptr) return {Verdict::kUnknown, why};
    const bool found = wanted_.empty() ? !list->empty()
                                       : std::any_of(list->begin(), list->end(),
                                                     [&](const std::string& one) { return stands_in(one, wanted_, letters_); });
    return found ? Judgement{Verdict::kMatch, &yes_} : Judgement{Verdict::kNoMatch, &no_};
  }

  std::string describe() const override { return text_; }

 private:
  std::vector<std::string> wanted_;
  const Reason& yes_;
  const Reason& no_;
  std::string text_;
  Letters letters_;
};

class HoldsOnly final : public Condition {
 public:
  HoldsOnly(std::string key, std::vector<std::string> allowed, bool or_nothing, const OnlyReasons& reasons,
            std::string text, Letters letters)
      : allowed_(std::move(allowed)), or_nothing_(or_nothing), reasons_(reasons), text_(std::move(text)), letters_(letters) {
    keys_ = {std::move(key)};
  }

  Judgement judge(const FactView& facts) const override {
    const Reason* why = nullptr;
    const auto* list = read<std::vector<std::string>>(facts, keys_.front(), why);
    if (list == nullptr) return {Verdict::kUnknown, why};
    if (list->empty()) return {verdict_of(or_nothing_), &reasons_.nothing};
    const bool only =
        std::all_of(list->begin(), list->end(), [&](const auto& one) { return stands_in(one, allowed_, letters_); });
    return {verdict_of(only), only ? &reasons_.only : &reasons_.others};
  }

  std::string describe() const override { return text_; }

 private:
  std::vector<std::string> allowed_;
  bool or_nothing_;
  OnlyReasons reasons_;
  std::string text_;
  Letters letters_;
};

}  // namespace

std::unique_ptr<const Condition> joined(Match match, Conditions conditions, std::string text) {
  return std::make_unique<JoinedCondition>(match, std::move(conditions), std::move(text));
}

std::unique_ptr<const Condition> joined(Match match, Conditions conditions) {
  if (conditions.size() == 1) return std::move(conditions.front());
  std::vector<std::string> texts;
  for (const auto& condition : conditions) texts.push_back(condition->describe());
  return joined(match, std::move(conditions), in_words(texts, match));
}

std::unique_ptr<const Condition> flag(std::string key, const Reason& yes, const Reason& no, std::string text) {
  return std::make_unique<FlagCondition>(std::move(key), yes, no, std::move(text));
}

std::unique_ptr<const Condition> recent(std::string key, Seconds within, const AgeReasons& reasons, std::string text) {
  return std::make_unique<AgeCondition>(std::move(key), within, true, reasons, std::move(text));
}

std::unique_ptr<const Condition> not_recent(std::string key, Seconds beyond, const AgeReasons& reasons,
                                            std::string text) {
  return std::make_unique<AgeCondition>(std::move(key), beyond, false, reasons, std::move(text));
}

std::unique_ptr<const Condition> holds_one_of(std::string key, std::vector<std::string> wanted, const Reason& yes,
                                              const Reason& no, std::string text, Letters letters) {
  return std::make_unique<HoldsOneOf>(std::move(key), std::move(wanted), yes, no, std::move(text), letters);
}

std::unique_ptr<const Condition> holds_only(std::string key, std::vector<std::string> allowed, bool or_nothing,
                                            const OnlyReasons& reasons, std::string text, Letters letters) {
  return std::make_unique<HoldsOnly>(std::move(key), std::move(allowed), or_nothing, reasons, std::move(text), letters);
}

ParameterSpec days_parameter(std::string_view name, std::string_view help, bool required) {
  return {.name = name,
          .type = ParameterSpec::Type::kInteger,
          .required = required,
          .min = 1,
          .max = static_cast<double>(kMaxDays),
          .help = help};
}

}  // namespace postern::posture::rules
