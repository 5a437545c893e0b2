#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "gateway/config/manual.h"
#include "gateway/config/manual_parts.h"

namespace postern::gateway::config {
namespace {

constexpr std::string_view kIntroduction = R"(# The gateway's configuration

Every table and setting of `postern-gateway`, and every command of `execute` and `diagnose`. This page is made by
`postern-gateway manual --format markdown` from the schema itself, from which come the command line, its help, the REST
API and validation, too; a test fails when it differs.

**How it is written.** `config <table>`, then `edit <entry>`, `set <setting> <value>…`, `next` and `end`; the outermost
`end` commits everything since `config`, whole or not at all. `unset` gives a setting its default, `append` and `unselect`
add and take values of a list, `delete`, `rename` and `move` concern entries, `abort` drops what is staged. `show` prints what
differs from the defaults in the same words, `show full-configuration` everything, `get` values with those of the gateway
itself. Any unambiguous beginning of a word is that word; `?` shows what may follow.

**How it is fetched.** Each table names its address in the REST API; an entry's is `<address>/<entry>`. Names are the same.

**Settings that take only their default** are known from configurations of this kind and have no effect here. They are taken
where that makes no difference, and refused otherwise: nothing is accepted that is not enforced.

**Values that the gateway finds out** are shown by `get` and the REST API, and can't be set.
)";

std::string anchor(std::string_view heading) {
  std::string out;
  for (const char c : to_lower(heading)) {
    if (c == ' ') out += '-';
    else if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_') out += c;
  }
  return out;
}

std::string link(std::string_view heading) { return fmt::format("[{}](#{})", heading, anchor(heading)); }

/// A cell of a table: its bars would end it, and what is in angle brackets would not show.
std::string cell(std::string_view text) {
  std::string out;
  bool as_it_is = false;  // within `…`
  for (const char c : text) {
    as_it_is = as_it_is != (c == '`');
    if (as_it_is && c != '|' && c != '\n') out += c;
    else if (c == '|') out += "\\|";
    else if (c == '<') out += "&lt;";
    else if (c == '>') out += "&gt;";
    else if (c == '*') out += "\\*";
    else if (c == '_') out += "\\_";
    else if (c == '\n') out += ' ';
    else out += c;
  }
  return out;
}

std::string code(std::string_view text) { return text.empty() ? "" : fmt::format("`{}`", text); }

/// The heading of a table: nested ones carry the names above them.
std::string heading_of(std::string_view above, const Table& table) {
  return above.empty() ? table.name : fmt::format("{} › {}", above, table.name);
}

std::string values_cell(const Attribute& a) {
  if (is_toggle(a)) return "`enable` or `disable`";
  if (a.type == Type::kOption) {
    std::string out;
    for (const auto& o : a.options) {
      if (!out.empty()) out += "<br>";
      out += code(o.name);
      if (!o.help.empty()) out += ": " + cell(o.help);
    }
    return out;
  }
  if (a.type == Type::kReference) {
    std::string out = "a name in ";
    for (std::size_t i = 0; i < a.references.size(); ++i) out += (i == 0 ? "" : " or ") + link(a.references[i]);
    return out;
  }
  return cell(a.allowed());
}

void write_rows(std::string& out, const Table& table, ManualKind kind) {
  for (const auto& a : table.attributes) {
    if (manual_kind(a) != kind) continue;
    std::string help = cell(a.help);
    if (const auto remarks = manual_remarks(a); !remarks.empty()) help += " *" + remarks + "*";
    const std::string value = manual_default(a);
    if (kind == ManualKind::kFound) out += fmt::format("| `{}` | {} |\n", a.name, help);
    else if (kind == ManualKind::kOnlyDefault) out += fmt::format("| `{}` | {} | {} |\n", a.name, help, value.empty() ? "nothing" : code(value));
    else out += fmt::format("| `{}` | {} | {} | {} |\n", a.name, help, values_cell(a), code(value));
  }
}

bool has(const Table& table, ManualKind kind) {
  return std::any_of(table.attributes.begin(), table.attributes.end(), [&](const Attribute& a) { return manual_kind(a) == kind; });
}

void write_table(std::string& out, const Table& table, const std::string& above, const std::string& rest) {
  const auto heading = heading_of(above, table);
  out += fmt::format("\n{} {}\n\n{}\n\n", above.empty() ? "##" : "###", heading, cell(table.help));
  out += fmt::format("- {}\n", cell(manual_keys(table)));
  out += fmt::format("- REST: `{}`\n", rest);
  if (!above.empty()) out += fmt::format("- Stands in an entry of {}.\n", link(above));
  for (const auto& n : table.tables) out += fmt::format("- Holds the table {}.\n", link(heading_of(heading, n)));
  if (!table.built_in.empty()) {
    out += "- Built in; can be referred to and not changed: ";
    for (std::size_t i = 0; i < table.built_in.size(); ++i) {
      const auto what = manual_built_in(table.built_in[i]);
      out += fmt::format("{}`{}`{}", i == 0 ? "" : ", ", table.built_in[i].key, what.empty() ? "" : " (" + cell(what) + ")");
    }
    out += ".\n";
  }
  if (has(table, ManualKind::kInForce)) {
    out += "\n| setting | what it is | values | default |\n|---|---|---|---|\n";
    write_rows(out, table, ManualKind::kInForce);
  }
  if (has(table, ManualKind::kOnlyDefault)) {
    out += "\nTakes only its default:\n\n| setting | what it would be | default |\n|---|---|---|\n";
    write_rows(out, table, ManualKind::kOnlyDefault);
  }
  if (has(table, ManualKind::kFound)) {
    out += "\nFound out by the gateway:\n\n| value | what it is |\n|---|---|\n";
    write_rows(out, table, ManualKind::kFound);
  }
  for (const auto& n : table.tables) write_table(out, n, heading, fmt::format("{}/<{}>/{}", rest, table.key.name, n.name));
}

void list_tables(std::string& out, const Table& table, const std::string& above, std::size_t depth) {
  const auto heading = heading_of(above, table);
  out += fmt::format("{}- {}{}\n", std::string(depth * 2, ' '), link(heading), above.empty() ? ": " + cell(table.help) : "");
  for (const auto& n : table.tables) list_tables(out, n, heading, depth + 1);
}

}  // namespace

std::string rest_address(std::string_view table) {
  std::string path(table);
  const auto last = path.rfind(' ');
  if (last != std::string::npos) {
    path[last] = '/';
    std::replace(path.begin(), path.begin() + static_cast<std::ptrdiff_t>(last), ' ', '.');
  }
  return "/api/v2/cmdb/" + path;
}

std::string manual_markdown(const Schema& schema, const std::vector<ManualCommand>& commands) {
  std::string out(kIntroduction);
  out += "\n**Tables**\n\n";
  for (const auto& t : schema.root().tables) list_tables(out, t, {}, 0);
  out += "\n**Commands**\n\n";
  for (const auto& c : commands) out += fmt::format("- {}: {}\n", link(c.words), cell(c.help));
  for (const auto& t : schema.root().tables) write_table(out, t, {}, rest_address(t.name));
  out += "\n# Commands\n";
  for (const auto& c : commands) {
    std::string line = c.words;
    for (const auto& [word, help] : c.arguments) line += ' ' + word;
    out += fmt::format("\n## {}\n\n{}\n\n```\n{}\n```\n", c.words, cell(c.help), line);
    if (c.arguments.empty()) continue;
    out += "\n| argument | what it is |\n|---|---|\n";
    for (const auto& [word, help] : c.arguments) out += fmt::format("| `{}` | {} |\n", word, cell(help));
  }
  return out;
}

}  // namespace postern::gateway::config
