#include "posture/rule_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <ostream>

#include "base/text.h"
#include "posture/on_fabric.h"
#include "posture/rules/registry.h"

namespace postern::posture {
namespace {

constexpr std::string_view kHead = R"(# Rule types

What the rules of a tag may ask. This page is made by `postern-ems rule-types --format markdown` from the rule types
themselves; a test fails when it differs. Windows and macOS: their rules are evaluated from reports in tests, and
are not proven on real endpoints, because there is no agent of ours for these systems.

Every rule takes, beside its type's parameters: `id`, `os`, `negate` (the opposite; the opposite of unknown is
unknown) and `max_age` (seconds, 60 to 31622400: a fact that is older is unknown).

**Unknown.** A rule is unknown when a fact that decides it is: never reported (`not_reported`), not there on this
system (`unsupported`), not readable by the agent (`denied`), too old (`stale`), gone wrong (`failed`) or of another
type than expected (`malformed`). Conditions join by Kleene's logic: one that is known to fail decides a rule by
all, one that is known to hold a rule by any, whatever the others are. The column *unknown* says what a type adds to
this.

**Several conditions in one rule.** Products of this field let one rule say "A, B and not C". Here these are three rules, the
third with `negate`, and `logic` joins them: `1 and 2 and 3`, or as a tag needs it `(1 or 2) and not 4`
([tags](guide/tags.md)). So `why` names the one that failed. All that one rule is given must hold, of a list what `match` says.

**What no fact answers.** What other products ask for and no rule type does, why, and what to ask for instead. What another system
knows is told through the API, with an expiry, and asked for by `attribute` or `external-score`.

| asked for elsewhere | why not here | instead |
|---|---|---|
| country of an endpoint | No data of ours tell it. | `ip-range` with `address: observed`, or `attribute` |
| age of the last second factor | Only who asked for it knows. | `attribute`, set by the identity provider with an expiry |
| verified user, identity provider, claim | The agent knows who is logged in, not who vouches for them. | `user`, `logged-in-domain`, `ad-groups`; `attribute`, set by the provider |
| key attested by hardware, key that can't be exported | Nothing proves it: a key that signs may have been copied. | `certificate` with `private_key` and `trusted`; `attribute`, set by who attests |
| approved device | Who enrols was invited, and only enrolled endpoints have tags. | `quarantined`, `classification` with a tag given by hand |
| password policy | PAM's modules and directories each have their own, and only asking them for a bad password would tell. | `file` with `regex`, such as `^minlen *= *1[2-9]` of `/etc/security/pwquality.conf` |
| profiles of a firewall | Linux has none: its rules name interfaces and addresses. | `firewall`, in `logic` with `link-type` or `on-fabric-status` |
| signer of a file | Files of Linux carry no signature that it checks. | `file` with `sha256`; of what runs `running-process` with `signer` (Windows and macOS) |
| repository of a package | dpkg and apk don't keep from where they had one. | `package` with `op` and `version`; `file` with `regex` over the list of sources |
| release channel of the agent | There is one. | `agent-version` |
| indicators of compromise, outbreaks | Neither comes with a feed of ours. | `file` and `running-process` with `sha256`, `firewall-threat`; a tag of kind fabric with `attribute` |
| output of a command or a query | An agent runs nothing that an EMS sends it: who holds the EMS would hold every endpoint. | `file` with `regex`, `registry-key`, `service`, `package`, `listening-port`, joined by `logic` |

)";

constexpr std::string_view kDetectionHead = R"(
# Detection types

What the detection sets of an endpoint profile may ask, so that its endpoints count as on-fabric
([how sets are judged](guide/tags.md#on-fabric)). They are asked on every system, and take neither `negate` nor `max_age`;
where a rule type has the same name, a detection rule asks what that asks, with the parameters that stand here.

)";

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|' || c == '*' || c == '<' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

/// Code in a cell: a bar would end the cell even there.
std::string code(std::string_view text) {
  std::string out = "`";
  for (const char c : text) out += c == '|' ? std::string("\\|") : std::string(1, c);
  return out + '`';
}

template <class List, class Text>
std::string listed(const List& list, Text&& text) {
  std::vector<std::string> parts;
  for (const auto& one : list) parts.push_back(text(one));
  return parts.empty() ? "–" : join(parts, ", ");
}

std::string systems_of(const RuleType& type) {
  if (type.systems.size() == kOsFamilies) return "all";
  return listed(type.systems, [](OsFamily os) { return std::string(os_family_name(os)); });
}

std::string allowed_of(const ParameterSpec& spec) {
  using Type = ParameterSpec::Type;
  if (!spec.choices.empty()) return listed(spec.choices, [](std::string_view choice) { return code(choice); });
  switch (spec.type) {
    case Type::kText:
      return fmt::format("at most {} bytes", spec.max_bytes);
    case Type::kTexts:
      return fmt::format("at most {}, of {} bytes each", spec.max_count, spec.max_bytes);
    case Type::kInteger:
    case Type::kNumber:
      return fmt::format("{} to {}", spec.min, spec.max);
    case Type::kBoolean:
      return "`true`, `false`";
  }
  return {};
}

std::string parameter_row(const ParameterSpec& spec) {
  return fmt::format("| `{}`{} | {} | {} | {} |\n", spec.name, spec.required ? ", required" : "",
                     parameter_type_name(spec.type), allowed_of(spec), escaped(spec.help));
}

std::string section(const RuleType& type) {
  std::string out = fmt::format("\n## {}\n\n{}: {}\n", type.name, type.title, escaped(type.help));
  if (type.parameters.empty()) return out + "\nIt takes no parameters.\n";
  out += "\n| parameter | type | allowed | what it is |\n|---|---|---|---|\n";
  for (const ParameterSpec& spec : type.parameters) out += parameter_row(spec);
  return out;
}

/// Some have a rule type's name: no section of their own.
std::string detection_section() {
  std::string out(kDetectionHead);
  out += "| type | holds when | facts | unknown |\n|---|---|---|---|\n";
  for (const RuleType* type : detection_types()) {
    out += fmt::format("| `{}` | {} | {} | {} |\n", type->name, escaped(type->help),
                       listed(type->facts, [](std::string_view fact) { return code(fact); }),
                       type->unknown.empty() ? "–" : escaped(type->unknown));
  }
  out += "\n| of type | parameter | type | allowed | what it is |\n|---|---|---|---|---|\n";
  for (const RuleType* type : detection_types()) {
    for (const ParameterSpec& spec : type->parameters) out += fmt::format("| `{}` ", type->name) + parameter_row(spec);
  }
  return out;
}

boost::json::array texts_of(const std::vector<std::string_view>& list) {
  boost::json::array out;
  for (const std::string_view one : list) out.emplace_back(boost::json::string_view(one.data(), one.size()));
  return out;
}

boost::json::string text_value(std::string_view text) { return boost::json::string(text.data(), text.size()); }

boost::json::object parameter_json(const ParameterSpec& spec) {
  using Type = ParameterSpec::Type;
  boost::json::object out{{"name", text_value(spec.name)},
                          {"type", text_value(parameter_type_name(spec.type))},
                          {"required", spec.required}};
  if (!spec.choices.empty()) out["choices"] = texts_of(spec.choices);
  if (spec.type == Type::kInteger) {
    out["min"] = static_cast<std::int64_t>(spec.min);
    out["max"] = static_cast<std::int64_t>(spec.max);
  }
  if (spec.type == Type::kNumber) {
    out["min"] = spec.min;
    out["max"] = spec.max;
  }
  if (spec.type == Type::kTexts) out["max_count"] = spec.max_count;
  if ((spec.type == Type::kText || spec.type == Type::kTexts) && spec.choices.empty())
    out["max_bytes"] = spec.max_bytes;
  out["help"] = text_value(spec.help);
  return out;
}

}  // namespace

std::string rule_types_markdown() {
  std::string out(kHead);
  out += "| type | OS | parameters | facts | unknown |\n|---|---|---|---|---|\n";
  for (const RuleType* type : rule_types()) {
    out += fmt::format("| [{0}](#{0}) | {1} | {2} | {3} | {4} |\n", type->name, systems_of(*type),
                       listed(type->parameters, [](const ParameterSpec& spec) { return code(spec.name); }),
                       listed(type->facts, [](std::string_view fact) { return code(fact); }),
                       type->unknown.empty() ? "–" : escaped(type->unknown));
  }
  for (const RuleType* type : rule_types()) out += section(*type);
  return out + detection_section();
}

std::string rule_types_json() {
  std::string out = "[";
  for (const RuleType* type : rule_types()) {
    boost::json::array systems, parameters;
    for (const OsFamily os : type->systems) systems.emplace_back(text_value(os_family_name(os)));
    for (const ParameterSpec& spec : type->parameters) parameters.emplace_back(parameter_json(spec));
    const boost::json::object one{{"type", text_value(type->name)},      {"title", text_value(type->title)},
                                  {"help", text_value(type->help)},      {"systems", std::move(systems)},
                                  {"parameters", std::move(parameters)}, {"facts", texts_of(type->facts)},
                                  {"unknown", text_value(type->unknown)}};
    out += (out.size() == 1 ? "\n" : ",\n") + boost::json::serialize(one);
  }
  return out + "\n]\n";
}

std::string rule_types_table() {
  std::size_t name = 0, systems = 0;
  for (const RuleType* type : rule_types()) {
    name = std::max(name, type->name.size());
    systems = std::max(systems, systems_of(*type).size());
  }
  std::string out;
  for (const RuleType* type : rule_types()) {
    const std::string_view first = type->help.substr(0, type->help.find(". "));
    out += fmt::format("{:<{}}  {:<{}}  {}\n", type->name, name, systems_of(*type), systems, first);
  }
  return out;
}

int rule_types_main(std::string_view format, std::ostream& out, std::ostream& err) {
  if (format == "table") {
    out << rule_types_table();
  } else if (format == "markdown") {
    out << rule_types_markdown();
  } else if (format == "json") {
    out << rule_types_json();
  } else {
    err << "rule-types: format \"" << one_line(format) << "\" is none of table, markdown, json\n";
    return 2;
  }
  return 0;
}

}  // namespace postern::posture
