#include "gateway/cli/schema_tree.h"

#include <fmt/format.h>

#include "base/text.h"

namespace postern::gateway::cli {
namespace {

std::string in_brackets(const config::Attribute& attribute) {
  using config::Type;
  std::string what;
  switch (attribute.type) {
    case Type::kOption:
      for (const auto& o : attribute.options) what += (what.empty() ? "" : "|") + o.name;
      break;
    case Type::kInteger: what = fmt::format("{}..{}", attribute.min, attribute.max); break;
    case Type::kText: what = fmt::format("text, at most {}", attribute.max); break;
    case Type::kAddress: what = "address"; break;
    case Type::kSubnet: what = "subnet"; break;
    case Type::kHost: what = "name or address"; break;
    case Type::kInterface: what = "interface"; break;
    case Type::kTag: what = "tag"; break;
    case Type::kPortRange: what = "ports"; break;
    case Type::kTime: what = "hh:mm"; break;
    case Type::kMoment: what = "hh:mm yyyy/mm/dd"; break;
    case Type::kReference: what = "from " + join(attribute.references, ", "); break;
    case Type::kFingerprint: what = "SHA-256"; break;
    case Type::kPem: what = "PEM"; break;
    case Type::kSecret: what = "secret"; break;
  }
  if (attribute.many) what += ", several";
  if (attribute.read_only) what += ", not set by people";
  return what;
}

void print_table(std::string& out, const config::Table& table, std::size_t depth) {
  const std::string indent(depth * 4, ' ');
  if (!table.single()) out += fmt::format("{}|- *{} ({})\n", indent, table.key.name, in_brackets(table.key));
  for (const auto& a : table.attributes) out += fmt::format("{}|- {} ({})\n", indent, a.name, in_brackets(a));
  for (const auto& nested : table.tables) {
    out += fmt::format("{}+- {}\n", indent, nested.name);
    print_table(out, nested, depth + 1);
  }
}

}  // namespace

std::string print_schema(const config::Table& table) {
  std::string out = table.name + "\n";
  print_table(out, table, 0);
  return out;
}

std::string print_schema(const config::Schema& schema) {
  std::string out;
  for (const auto& table : schema.root().tables) out += print_schema(table);
  return out;
}

}  // namespace postern::gateway::cli
