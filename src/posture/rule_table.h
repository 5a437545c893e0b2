#pragma once
// What rules and detection rules there are, told by their types themselves: for docs/rule-types.md, for `postern-ems
// rule-types` and for programs.
#include <iosfwd>
#include <string>
#include <string_view>

namespace postern::posture {

/// docs/rule-types.md as a whole. A test holds the file against it; `postern-ems rule-types --format markdown` writes
/// it.
std::string rule_types_markdown();
/// An array, one type a line: "type", "title", "help", "systems", "parameters" ("name", "type", "required", "choices",
/// "min", "max", "max_bytes", "max_count", "help": those that apply), "facts", "unknown". Stable: scripts read it.
std::string rule_types_json();
/// Aligned columns for a terminal: type, systems, when it matches.
std::string rule_types_table();

/// `postern-ems rule-types` after its command line was read: what was asked on `out` in `format` ("table", "markdown"
/// or "json"). Exit status: 0; 2 for another format, told on `err`.
int rule_types_main(std::string_view format, std::ostream& out, std::ostream& err);

}  // namespace postern::posture
