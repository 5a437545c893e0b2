// The schema half of a rule type: presence, types, counts, lengths, choices.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "posture/quote.h"
#include "posture/rule.h"

namespace postern::posture {
namespace {

Status check_parameter(const ParameterSpec& spec, const std::string& where, const std::string& text) {
  if (!spec.choices.empty()) {
    if (std::find(spec.choices.begin(), spec.choices.end(), text) != spec.choices.end()) return {};
    return invalid(fmt::format("{}: {} is not allowed; it must be one of {}", where, posture::quoted(text),
                               fmt::join(spec.choices, ", ")));
  }
  if (text.empty()) return invalid(fmt::format("{}: must not be empty", where));
  if (text.size() > spec.max_bytes) {
    return invalid(fmt::format("{}: {} has {} bytes, allowed are {}", where, posture::quoted(text),
                               text.size(), spec.max_bytes));
  }
  if (!clean_text(text))
    return invalid(fmt::format("{}: must be UTF-8 text without control characters", where));
  if (trim(text).size() != text.size()) {
    return invalid(
        fmt::format("{}: {} begins or ends with a space; remove it", where, posture::quoted(text)));
  }
  return {};
}

Status check_list(const ParameterSpec& spec, const std::vector<std::string>& list) {
  const std::string name(spec.name);
  if (list.empty())
    return invalid(
        fmt::format("{}: the list is empty; give 1 to {} entries", name, spec.max_count));
  if (list.size() > spec.max_count) {
    return invalid(fmt::format("{}: the list has {} entries, allowed are {}", name, list.size(),
                               spec.max_count));
  }
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (Status ok = check_parameter(spec, fmt::format("{}[{}]", name, i), list[i]); !ok) return ok;
    if (std::find(list.begin(), list.begin() + static_cast<std::ptrdiff_t>(i), list[i]) !=
        list.begin() + static_cast<std::ptrdiff_t>(i)) {
      return invalid(fmt::format("{}[{}]: {} stands in the list twice", name, i, posture::quoted(list[i])));
    }
  }
  return {};
}

Status check_range(const ParameterSpec& spec, const std::string& name, double value) {
  if (value >= spec.min && value <= spec.max) return {};  // false for what is no number too
  return invalid(fmt::format("{}: {} is not allowed; it must be {} to {}", name, value, spec.min, spec.max));
}

const ParameterSpec* find_spec(const RuleType& type, std::string_view name) {
  for (const ParameterSpec& spec : type.parameters) {
    if (spec.name == name) return &spec;
  }
  return nullptr;
}

std::string known_names(const RuleType& type) {
  if (type.parameters.empty()) return "this rule type takes none";
  std::vector<std::string> names;
  for (const ParameterSpec& spec : type.parameters) names.emplace_back(spec.name);
  return "it takes " + join(names, ", ");
}

std::string_view kind_of(const ParameterValue& value) {
  constexpr std::string_view kKinds[] = {"a text", "a list", "a whole number", "a number", "true or false"};
  return kKinds[value.index()];
}

Status check_value(const ParameterSpec& spec, const std::string& name, const ParameterValue& value) {
  using Type = ParameterSpec::Type;
  const auto wrong = [&](std::string_view wanted) -> Status {
    return invalid(fmt::format("{}: must be {}, not {}", name, wanted, kind_of(value)));
  };
  switch (spec.type) {
    case Type::kText: {
      const auto* text = std::get_if<std::string>(&value);
      return text == nullptr ? wrong("a text") : check_parameter(spec, name, *text);
    }
    case Type::kTexts: {
      const auto* list = std::get_if<std::vector<std::string>>(&value);
      return list == nullptr ? wrong("a list of texts") : check_list(spec, *list);
    }
    case Type::kBoolean:
      return std::holds_alternative<bool>(value) ? Status() : wrong("true or false");
    case Type::kInteger: {
      const auto* integer = std::get_if<std::int64_t>(&value);
      if (integer == nullptr) return wrong("a whole number");
      return check_range(spec, name, static_cast<double>(*integer));
    }
    case Type::kNumber: {
      if (const auto* integer = std::get_if<std::int64_t>(&value))
        return check_range(spec, name, static_cast<double>(*integer));
      const auto* number = std::get_if<double>(&value);
      return number == nullptr ? wrong("a number") : check_range(spec, name, *number);
    }
  }
  return wrong("of another type");
}

}  // namespace

std::string_view parameter_type_name(ParameterSpec::Type type) {
  switch (type) {
    case ParameterSpec::Type::kText: return "text";
    case ParameterSpec::Type::kTexts: return "list of texts";
    case ParameterSpec::Type::kInteger: return "integer";
    case ParameterSpec::Type::kNumber: return "number";
    case ParameterSpec::Type::kBoolean: return "true or false";
  }
  return "text";
}

Status check_parameters(const RuleType& type, const Parameters& parameters) {
  for (const auto& [name, value] : parameters) {
    const ParameterSpec* spec = find_spec(type, name);
    if (spec == nullptr) {
      return invalid(
          fmt::format("{}: there is no such parameter; {}", posture::quoted(name), known_names(type)));
    }
    if (Status ok = check_value(*spec, name, value); !ok) return ok;
  }
  for (const ParameterSpec& spec : type.parameters) {
    if (!spec.required || parameters.contains(spec.name)) continue;
    std::string message = fmt::format("{}: is missing", spec.name);
    if (!spec.choices.empty())
      message += fmt::format("; it must be one of {}", fmt::join(spec.choices, ", "));
    return invalid(std::move(message));
  }
  return {};
}

}  // namespace postern::posture
