#pragma once
// Short forms for describing attributes: option("status", "Whether …", {…}).by_default("enable").
#include <string>
#include <utility>
#include <vector>

#include "gateway/config/schema.h"

namespace postern::gateway::config::tables {

/// An attribute being described.
struct Describe : Attribute {
  Describe(std::string attribute, Type kind, std::string explanation) {
    name = std::move(attribute);
    type = kind;
    help = std::move(explanation);
  }
  Describe& by_default(std::string value) { return default_value = {std::move(value)}, *this; }
  Describe& range(std::int64_t low, std::int64_t high) { return min = low, max = high, *this; }
  Describe& allowing(std::string what) { return rule = std::move(what), *this; }
  Describe& list() { return many = true, *this; }
  Describe& must() { return required = true, *this; }
  Describe& live() { return read_only = true, *this; }
  /// Known to readers of such configurations, without effect here: only its default is taken.
  Describe& inert() { return enforced = false, *this; }
};

inline Describe text(std::string name, std::string help, std::int64_t max, std::int64_t min = 0) {
  return Describe(std::move(name), Type::kText, std::move(help)).range(min, max);
}
inline Describe number(std::string name, std::string help, std::int64_t low, std::int64_t high) {
  return Describe(std::move(name), Type::kInteger, std::move(help)).range(low, high);
}
inline Describe option(std::string name, std::string help, std::vector<Option> options) {
  Describe a(std::move(name), Type::kOption, std::move(help));
  a.options = std::move(options);
  return a;
}
inline Describe toggle(std::string name, std::string help, bool on) {
  return option(std::move(name), std::move(help), {{"enable", "Yes."}, {"disable", "No."}})
      .by_default(on ? "enable" : "disable");
}
inline Describe reference(std::string name, std::string help, std::vector<std::string> tables) {
  Describe a(std::move(name), Type::kReference, std::move(help));
  a.references = std::move(tables);
  return a;
}
inline Describe of_type(std::string name, Type type, std::string help) {
  return Describe(std::move(name), type, std::move(help));
}

}  // namespace postern::gateway::config::tables
