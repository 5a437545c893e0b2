#pragma once
// For tests: a message of syslog as a strict reader of RFC 5424 takes it.
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace postern::gateway::syslog {

struct ParsedMessage {
  unsigned priority = 0;
  std::string time, host, application, process, id, element;
  std::vector<std::pair<std::string, std::string>> parameters;  ///< Unescaped, in their order.
  std::string text;

  /// The first of this name; empty: there is none.
  std::string get(std::string_view name) const;
  std::vector<std::string> all(std::string_view name) const;
};

/// nullopt: it breaks the grammar of section 6, has no or several elements of structured data, or a parameter's value is
/// not UTF-8 or has a control character.
std::optional<ParsedMessage> parse_message(std::string_view message);

}  // namespace postern::gateway::syslog
