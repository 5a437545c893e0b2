#include "gateway/cli/manual.h"

#include <ostream>

#include "gateway/cli/commands/command.h"

namespace postern::gateway::cli {

std::vector<config::ManualCommand> manual_commands() {
  std::vector<config::ManualCommand> out;
  for (const auto& c : all_commands()) {
    config::ManualCommand command{c.words, c.help, {}};
    for (const auto& a : c.arguments) command.arguments.emplace_back(a.word, a.help);
    out.push_back(std::move(command));
  }
  return out;
}

int manual_main(std::string_view format, std::ostream& out, std::ostream& err) {
  const auto& schema = config::gateway_schema();
  if (format == "markdown") out << config::manual_markdown(schema, manual_commands());
  else if (format == "text") out << config::manual_text(schema, manual_commands());
  else {
    err << "manual: format \"" << format << "\" is none of markdown, text\n";
    return 2;
  }
  return out.flush() ? 0 : 1;
}

}  // namespace postern::gateway::cli
