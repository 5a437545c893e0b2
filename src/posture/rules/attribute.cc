// attribute {"name","op","value"} or {"name","op","number"}: what somebody else told of the endpoint through the API.
#include <fmt/format.h>

#include "posture/attribute_name.h"
#include "posture/fact_keys.h"
#include "posture/quote.h"
#include "posture/rules/comparing.h"

namespace postern::posture::rules {
namespace attribute_rule {
namespace {

constexpr Reason kHolds{"attribute_matches", "the attribute is as demanded"};
constexpr Reason kDiffers{"attribute_differs", "the attribute is otherwise"};
constexpr Reason kOtherType{"attribute_of_other_type", "the attribute's value is of a type that can't be compared so"};

constexpr std::array<std::string_view, 7> kOps{"=", "!=", "<", "<=", ">", ">=", "contains"};
constexpr double kMostNumber = 9007199254740991;  // JSON's whole numbers

class AttributeIs : public Condition {
 public:
  AttributeIs(std::string_view name, std::string text) : text_(std::move(text)) {
    keys_ = {keys::with(keys::kEmsAttributePrefix, name)};
  }
  Judgement judge(const FactView& facts) const override {
    const Fact* fact = facts.find(keys_.front());
    if (fact == nullptr || !fact->known()) return {Verdict::kUnknown, &unknown_reason(fact)};
    const auto holds = is(*fact);
    if (!holds) return {Verdict::kUnknown, &kOtherType};
    return {verdict_of(*holds), *holds ? &kHolds : &kDiffers};
  }
  std::string describe() const override { return text_; }

 private:
  /// Nullopt: its type can't be compared so.
  virtual std::optional<bool> is(const Fact& fact) const = 0;
  std::string text_;
};

class NumberIs final : public AttributeIs {
 public:
  NumberIs(std::string_view name, Comparison comparison, std::int64_t number, std::string text)
      : AttributeIs(name, std::move(text)), comparison_(comparison), number_(number) {}

 private:
  std::optional<bool> is(const Fact& fact) const override {
    const auto* number = fact.as<std::int64_t>();
    if (number == nullptr) return std::nullopt;
    return satisfies(comparison_, *number <=> number_);
  }
  Comparison comparison_;
  std::int64_t number_;
};

class TextIs final : public AttributeIs {
 public:
  TextIs(std::string_view name, bool equal, std::string value, std::string text)
      : AttributeIs(name, std::move(text)), equal_(equal), value_(std::move(value)) {}

 private:
  std::optional<bool> is(const Fact& fact) const override {
    if (const auto* text = fact.as<std::string>()) return (*text == value_) == equal_;
    if (const auto* flag = fact.as<bool>()) return ((*flag ? "true" : "false") == value_) == equal_;
    return std::nullopt;
  }
  bool equal_;
  std::string value_;
};

class Contains final : public AttributeIs {
 public:
  Contains(std::string_view name, std::string part, std::string text)
      : AttributeIs(name, std::move(text)), part_(std::move(part)) {}

 private:
  std::optional<bool> is(const Fact& fact) const override {
    if (const auto* text = fact.as<std::string>()) return text->find(part_) != text->npos;
    const auto* list = fact.as<std::vector<std::string>>();
    if (list == nullptr) return std::nullopt;
    return std::find(list->begin(), list->end(), part_) != list->end();
  }
  std::string part_;
};

Result<std::unique_ptr<const Condition>> compile(const Parameters& parameters, OsFamily) {
  const std::string name(text_of(parameters, "name"));
  if (!valid_attribute_name(name)) {
    return invalid(fmt::format("name: {} is no attribute's name; it has 1 to {} characters of a-z, 0-9, \".\", \"_\" and "
                               "\"-\"",
                               posture::quoted(name), kMaxAttributeName));
  }
  const bool by_number = parameters.contains("number");
  if (by_number == parameters.contains("value")) return invalid("value: give either value (a text) or number");
  const std::string_view op = text_of(parameters, "op");
  const auto comparison = parse_comparison(op);
  if (by_number) {
    if (!comparison) return invalid("op: \"contains\" looks into texts; give value instead of number");
    const auto number = integer_of(parameters, "number", 0);
    return std::make_unique<NumberIs>(name, *comparison, number,
                                      fmt::format("the attribute {} is {} {}", name, op, number));
  }
  std::string value(text_of(parameters, "value"));
  if (!comparison) {
    auto text = fmt::format("the attribute {} contains {}", name, posture::quoted(value));
    return std::make_unique<Contains>(name, std::move(value), std::move(text));
  }
  if (*comparison != Comparison::kEqual && *comparison != Comparison::kNotEqual) {
    return invalid(fmt::format("op: \"{}\" compares numbers; give number instead of value, or one of =, != and contains", op));
  }
  const bool equal = *comparison == Comparison::kEqual;
  auto text = fmt::format("the attribute {} is {}{}", name, equal ? "" : "not ", posture::quoted(value));
  return std::make_unique<TextIs>(name, equal, std::move(value), std::move(text));
}

}  // namespace
}  // namespace attribute_rule

const RuleType& attribute() {
  static const RuleType kType{
      .name = "attribute",
      .title = "Attribute",
      .help = "What another system told of the endpoint through the API, such as an MDM's verdict.",
      .systems = {kAllOsFamilies.begin(), kAllOsFamilies.end()},
      .parameters = {{.name = "name",
                      .required = true,
                      .max_bytes = kMaxAttributeName,
                      .help = "The attribute's name, such as mdm.compliant."},
                     {.name = "op",
                      .required = true,
                      .choices = {attribute_rule::kOps.begin(), attribute_rule::kOps.end()},
                      .help = "With value: =, != and contains (a part of a text). With number: all but contains."},
                     {.name = "value", .help = "A text, by its case; true or false too. Either this or number."},
                     {.name = "number",
                      .type = ParameterSpec::Type::kInteger,
                      .min = -attribute_rule::kMostNumber,
                      .max = attribute_rule::kMostNumber,
                      .help = "A whole number. Either this or value."}},
      .facts = {"ems.attribute:<name>"},
      .unknown = "Also where the attribute was never set or is expired, or its type can't be compared so.",
      .compile = attribute_rule::compile};
  return kType;
}

}  // namespace postern::posture::rules
