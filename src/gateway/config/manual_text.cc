#include <fmt/format.h>

#include "base/text.h"
#include "gateway/config/manual.h"
#include "gateway/config/manual_parts.h"

namespace postern::gateway::config {
namespace {

constexpr std::size_t kManualWidth = 100;

void paragraph(std::string& out, std::string_view text, std::size_t indent) {
  std::string line(indent, ' ');
  bool empty = true;
  for (const auto word : split(text, ' ')) {
    if (!empty && line.size() + 1 + word.size() > kManualWidth) {
      out += line + '\n';
      line.assign(indent, ' ');
      empty = true;
    }
    if (!empty) line += ' ';
    line += word;
    empty = false;
  }
  out += line + '\n';
}

void write_setting(std::string& out, const Attribute& a) {
  out += fmt::format("    {}\n", a.name);
  std::string help = a.help;
  if (const auto remarks = manual_remarks(a); !remarks.empty()) help += ' ' + remarks;
  paragraph(out, help, 8);
  if (manual_kind(a) == ManualKind::kFound) return paragraph(out, "Found out by the gateway.", 8);
  const auto value = manual_default(a);
  if (manual_kind(a) == ManualKind::kOnlyDefault) {
    return paragraph(out, fmt::format("Takes only its default, {}.", value.empty() ? "nothing" : value), 8);
  }
  if (is_toggle(a)) {
    paragraph(out, "Values: enable or disable.", 8);
  } else if (a.type == Type::kOption) {
    for (const auto& o : a.options) paragraph(out, fmt::format("{}{}{}", o.name, o.help.empty() ? "" : ": ", o.help), 10);
  } else {
    paragraph(out, "Values: " + manual_values(a) + ".", 8);
  }
  if (!value.empty()) paragraph(out, "Default: " + value + ".", 8);
}

void write_table_text(std::string& out, const Table& table, const std::string& above) {
  const std::string heading = above.empty() ? table.name : above + " > " + table.name;
  out += fmt::format("\nconfig {}\n", heading);
  paragraph(out, table.help, 2);
  paragraph(out, manual_keys(table), 2);
  if (above.empty()) paragraph(out, "REST: " + rest_address(table.name), 2);
  for (const auto& o : table.built_in) {
    const auto what = manual_built_in(o);
    paragraph(out, fmt::format("Built in: {}{}{}", o.key, what.empty() ? "" : ": ", what), 2);
  }
  for (const auto& a : table.attributes) write_setting(out, a);
  for (const auto& n : table.tables) write_table_text(out, n, heading);
}

}  // namespace

std::string manual_text(const Schema& schema, const std::vector<ManualCommand>& commands) {
  std::string out = "The gateway's configuration: tables, then commands.\n";
  for (const auto& t : schema.root().tables) write_table_text(out, t, {});
  for (const auto& c : commands) {
    std::string line = c.words;
    for (const auto& [word, help] : c.arguments) line += ' ' + word;
    out += '\n' + line + '\n';
    paragraph(out, c.help, 2);
    for (const auto& [word, help] : c.arguments) paragraph(out, fmt::format("{:<12} {}", word, help), 4);
  }
  return out;
}

}  // namespace postern::gateway::config
