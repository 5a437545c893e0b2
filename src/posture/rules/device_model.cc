// device-model {"manufacturer","model"}: what hardware it is.
#include "posture/fact_keys.h"
#include "posture/rules/name_pattern.h"
#include "posture/rules/reading.h"

namespace postern::posture::rules {
namespace device_model_rule {
namespace {

constexpr Reason kSame{"model_matches", "the hardware is what was named"};
constexpr Reason kOther{"model_differs", "the hardware is not what was named"};

class NameMatches final : public Condition {
 public:
  NameMatches(std::string_view key, NamePattern pattern, std::string text)
      : pattern_(std::move(pattern)), text_(std::move(text)) {
    keys_ = {std::string(key)};
  }
  Judgement judge(const FactView& facts) const override {
    const Reason* why = nullptr;
    const auto* text = read<std::string>(facts, keys_.front(), why);
    if (text == nullptr) return {Verdict::kUnknown, why};
    const bool matches = pattern_.matches(*text);
    return {verdict_of(matches), matches ? &kSame : &kOther};
  }
  std::string describe() const override { return text_; }

 private:
  NamePattern pattern_;
  std::string text_;
};

Result<std::unique_ptr<const Condition>> compile(const Parameters& parameters, OsFamily) {
  struct Part {
    std::string_view parameter;
    std::string_view key;
    std::string_view words;
  };
  constexpr Part kParts[] = {{"manufacturer", keys::kHostManufacturer, "its manufacturer is "},
                             {"model", keys::kHostModel, "its model is "}};
  std::vector<std::unique_ptr<const Condition>> parts;
  std::vector<std::string> words;
  for (const Part& part : kParts) {
    const std::string text(text_of(parameters, part.parameter));
    if (text.empty()) continue;
    auto pattern = NamePattern::compile(part.parameter, text, NamePattern::Kind::kWildcard, true);
    if (!pattern) return fail(pattern.error());
    words.push_back(std::string(part.words) + text);
    parts.push_back(std::make_unique<NameMatches>(part.key, std::move(*pattern), words.back()));
  }
  if (parts.empty()) return invalid("manufacturer: is missing; give manufacturer, model or both");
  return std::make_unique<SetCondition>(Match::kAll, std::move(parts), kSame, kOther, in_words(words, Match::kAll));
}

}  // namespace
}  // namespace device_model_rule

const RuleType& device_model() {
  static const RuleType kType{
      .name = "device-model",
      .title = "Device Model",
      .help = "The hardware's manufacturer and model, as its firmware says. Case is ignored.",
      .systems = {OsFamily::kLinux, OsFamily::kWindows, OsFamily::kMacos, OsFamily::kIos, OsFamily::kAndroid},
      .parameters = {{.name = "manufacturer",
                      .help = "Such as Dell*; * stands for any characters, ? for one. This, model or both."},
                     {.name = "model", .help = "Such as Latitude 7???; * and ? as above."}},
      .facts = {keys::kHostManufacturer, keys::kHostModel},
      .unknown = "One that differs decides, although the other is unknown.",
      .compile = device_model_rule::compile};
  return kType;
}

}  // namespace postern::posture::rules
