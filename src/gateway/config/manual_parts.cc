#include "gateway/config/manual_parts.h"

#include <fmt/format.h>

#include "base/text.h"

namespace postern::gateway::config {

std::string manual_values(const Attribute& a) {
  if (a.type == Type::kOption) return a.many ? "words" : "a word";
  return a.allowed();
}

bool is_toggle(const Attribute& a) {
  return a.type == Type::kOption && !a.many && a.options.size() == 2 && a.options[0].name == "enable" &&
         a.options[0].help == "Yes." && a.options[1].name == "disable" && a.options[1].help == "No.";
}

std::string manual_default(const Attribute& a) { return join(a.default_value, " "); }

std::string manual_remarks(const Attribute& a) {
  std::string out;
  const auto say = [&](std::string_view text) { out += (out.empty() ? "" : " ") + std::string(text); };
  if (a.required) say("Required.");
  if (a.many) say("Takes several.");
  return out;
}

ManualKind manual_kind(const Attribute& a) {
  if (a.read_only) return ManualKind::kFound;
  return a.enforced ? ManualKind::kInForce : ManualKind::kOnlyDefault;
}

std::string manual_built_in(const Object& object) {
  std::string out;
  for (const auto& [name, value] : object.values) out += (out.empty() ? "" : ", ") + name + ' ' + join(value, " ");
  return out;
}

std::string manual_keys(const Table& table) {
  if (table.single()) return "One object: no edit, and no next.";
  return fmt::format("Entries by `{}`, {}: {} {}", table.key.name, table.key.allowed(), table.key.help,
                     table.ordered ? "Their order matters: the first that fits decides, and move changes it."
                                   : "Their order has no meaning.");
}

}  // namespace postern::gateway::config
