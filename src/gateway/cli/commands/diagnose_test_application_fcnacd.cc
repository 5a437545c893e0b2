#include "gateway/cli/commands/command.h"
#include "gateway/cli/print.h"

namespace postern::gateway::cli::commands {
namespace {

struct Test {
  std::string number;
  std::string help;
  std::function<std::string(const CommandContext&)> print;
};

std::string contexts(const CommandContext& c) {
  std::string out = "EMS context status:\n";
  const auto config = c.store.current();
  for (const auto& connector : c.operations.connectors()) {
    const auto entry = connector_argument(config, std::to_string(connector.id));
    out += print_connector(connector, entry && entry->enabled("trust-ca-cn"));
  }
  return out;
}

const std::vector<Test>& tests() {
  static const std::vector<Test> all = {{"2", "Show the status of each EMS.", contexts}};
  return all;
}

void test_fcnacd(const CommandContext& c) {
  for (const auto& test : tests()) {
    if (!c.arguments.empty() && c.arguments[0] == test.number) return c.print(test.print(c));
  }
  std::string menu = "Fabric connector tests:\n";
  for (const auto& test : tests()) menu += test.number + ". " + test.help + "\n";
  c.print(std::move(menu));
}

}  // namespace

Command diagnose_test_application_fcnacd() {
  return {"diagnose test application fcnacd",
          "Look into the fabric connectors.",
          {{"[number]", "Which test; without one or with an unknown one: the list of tests."}},
          test_fcnacd};
}

}  // namespace postern::gateway::cli::commands
